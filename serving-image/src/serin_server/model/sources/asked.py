"""What is asked for, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serin_server.model.digest import model_listing


@dataclass(frozen=True, slots=True)
class Store:
    """A place of one's own that keeps models by their digest (model/shelf)."""

    uri: str
    """`s3://bucket/prefix`, `gs://`, `az://`, `pvc://claim/path` or `file:///path`."""
    credentials_dir: Path | None = None
    """As of a source."""
    ca_file: Path | None = None
    mounts_dir: Path = Path("/mnt/models")
    timeout_seconds: float = 10.0
    """Its longest silence: after that the source is read."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from and how it may be fetched."""

    uri: str
    sha256: str = ""
    cache_dir: Path = Path("/var/cache/serin")
    mounts_dir: Path = Path("/mnt/models")
    headers_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 30.0
    total_seconds: float = 0.0
    redirect_hosts: frozenset[str] = frozenset()
    credentials_dir: Path | None = None
    """A folder with a file for each variable that opens the store, as Kubernetes mounts a Secret."""
    store: Store | None = None
    """Where the model may be kept too."""
    variant: str = ""
    """What was made of the model that lies there: a variant lies in the store alone."""
    is_resolving: bool = False
    """Whether its source is to be looked at first: for the one who finds out what lies there."""
    with_signatures: bool = False
    """Whether the signatures that a registry keeps beside an artifact are to come along."""

    @property
    def digest(self) -> str:
        """The digest that the model must have, bare; empty when any will do."""
        return self.sha256.removeprefix("sha256:").lower()


@dataclass(frozen=True, slots=True)
class Attached:
    """One signature as a registry keeps it beside an artifact, of which nothing is proven."""

    content: bytes
    """A Sigstore bundle; or, where there are annotations, the payload that cosign has signed."""
    annotations: Mapping[str, str] | None = None
    """Of the payload's layer: the signature, and what goes with it."""
    unfit: str = ""
    """Why it could not be read, where it could not: another one may count."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model on the local disk, with the digest of the very bytes that lie there."""

    path: Path
    sha256: str
    resolved_uri: str = ""
    """The same source by a name that does not move, where the one that was asked for may; else empty."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The sha256 of each file, where they had to be computed; to be asked for by `listing`."""

    instead: str = ""
    """Why its source was not read, where it comes from the store all the same."""
    artifact: str = ""
    """The sha256 of the manifest that names all of it, where it is an artifact of a registry that was asked for signatures."""
    attached: Sequence[Attached] = ()
    """The signatures of that artifact."""

    def listing(self) -> Mapping[str, str]:
        """The sha256 of each file by its path below the model's folder."""
        return self.files or model_listing(self.path)
