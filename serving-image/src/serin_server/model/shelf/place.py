"""What a store comes down to: bytes by key, in a bucket or in a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from serin_server.failures import LoadFailure, Reason
from serin_server.model.sources.asked import Store
from serin_server.model.sources.credentials import Purpose
from serin_server.uris import shown


@dataclass(frozen=True, slots=True)
class Lying:
    """One thing that lies in a store."""

    key: str
    size: int
    modified: float
    """Seconds since 1970, by the store's own clock."""


class Place(Protocol):
    """Where a store is. Everything raises `LoadFailure`; nothing takes for ever."""

    @property
    def told(self) -> str:
        """The store, as messages name it."""

    @property
    def leaves_copies(self) -> bool:
        """Whether who dies while it writes leaves part of a copy behind, which has to be swept away."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of a key (SourceNotFound where there are none)."""

    def write(self, key: str, content: Path | bytes) -> None:
        """Puts bytes under a key: all of them, or what was there stays."""

    def below(self, key: str) -> Iterator[Lying]:
        """Everything below a key, in any order."""

    def remove(self, key: str) -> None:
        """Takes a key away; one that is gone is fine."""


def opened(store: Store, *, writes: bool = False, purpose: Purpose | None = None) -> Place:
    """The place that a store's URI names. Raises `LoadFailure`.

    Args:
        store: As it is set.
        writes: Whether it is to be written to: uploads answer when a part is there, so they get more time.
        purpose: What its credentials are for; None: to keep models.
    """
    try:
        parts = urlsplit(store.uri)
    except ValueError:
        raise _no_store(store) from None
    path = unquote(parts.path)
    if "?" in store.uri or "#" in store.uri or "@" in parts.netloc or ".." in Path(path).parts or "\0" in path:
        raise _no_store(store)
    match parts.scheme:
        case "s3" | "gs" | "az" if parts.netloc:
            from serin_server.model.shelf.bucket import BucketPlace  # noqa: PLC0415 (only where there is a bucket)

            return BucketPlace(store, parts.netloc, path.strip("/"), writes=writes, purpose=purpose)
        case "pvc" if parts.netloc and not parts.netloc.startswith("."):
            return _folder(store, store.mounts_dir / parts.netloc / path.strip("/"))
        case "file" if path and not parts.netloc:
            return _folder(store, Path(path))
        case _:
            raise _no_store(store)


def _folder(store: Store, root: Path) -> Place:
    from serin_server.model.shelf.folder import FolderPlace  # noqa: PLC0415 (only where there is a folder)

    return FolderPlace(root, shown(store.uri), store.timeout_seconds)


def _no_store(store: Store) -> LoadFailure:
    message = (
        f"the store {shown(store.uri)} cannot be used: write s3://bucket/prefix, gs://…, az://… or pvc://claim/path"
    )
    return LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
