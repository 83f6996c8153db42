"""What is asked for, and what came of it."""

from dataclasses import dataclass
from pathlib import Path


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

    @property
    def digest(self) -> str:
        """The digest that the model must have, bare; empty when any will do."""
        return self.sha256.removeprefix("sha256:").lower()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model on the local disk, with the digest of the very bytes that lie there."""

    path: Path
    sha256: str
    resolved_uri: str = ""
    """The same source by a name that does not move, where the one that was asked for may; else empty."""
