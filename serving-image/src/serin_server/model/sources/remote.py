"""What every store over the network comes down to: files with names below the model, each of which can be streamed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from serin_server.failures import LoadFailure, Reason
from serin_server.model.sources.asked import Attached
from serin_server.uris import shown


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a model.

    Args:
        path: Below the model's folder, with `/` between names.
        read: Streams its bytes; each call begins anew. Raises `LoadFailure`.
        sha256: The digest that its bytes must have, as the store promises it; empty where it promises none.
        is_archive: It is a tar, perhaps compressed, whose content belongs to the model, below `path`.
    """

    path: str
    read: Callable[[], Iterator[bytes]]
    sha256: str = ""
    is_archive: bool = False


@dataclass(frozen=True, slots=True)
class Remote:
    """A model in a store.

    Args:
        files: Its files.
        is_folder: Whether a folder was asked for; None: it is one when there is more than one file.
        resolved_uri: The same model by a name that does not move; empty where the name does not tell.
        beside: The file of a path beside the only one, where the store has such a thing.
        artifact: The sha256 of the manifest that names the files; empty where there is none, or nobody asked for signatures.
        attached: The signatures of that artifact.
    """

    files: Sequence[RemoteFile]
    is_folder: bool | None
    resolved_uri: str = ""
    beside: Callable[[str], RemoteFile] | None = None
    artifact: str = ""
    attached: Sequence[Attached] = ()


def path_below(uri: str, name: str) -> PurePosixPath:
    """The path of a file below its model. Raises `LoadFailure` for one that leads elsewhere."""
    path = PurePosixPath(name)
    if (
        not path.parts
        or path.is_absolute()
        or any(part.startswith("..") for part in path.parts)
        or not name.isprintable()
    ):
        message = (
            f"{shown(uri)} holds a file by the name {shown(name)!r}, which is no path below it: remove or rename it"
        )
        raise LoadFailure(Reason.MODEL_INVALID, message)
    return path
