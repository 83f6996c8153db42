"""Archives that hold a model: unpacked as hostile ones are, into a folder and no further."""

import tarfile
import zlib
from pathlib import Path
from typing import IO, Final

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.sources.remote import path_below
from serin_server.uris import shown

_MOST_FILES: Final = 10_000
_MOST_GROWTH: Final = 200
"""Weights hardly compress: what grows more than this was made to fill a disk."""
_SMALL: Final = 64 << 20
_CHUNK: Final = 1 << 20


def unpacked(uri: str, archive: Path, folder: Path) -> None:
    """The regular files of a tar (plain, gzip, bzip2 or xz), below a folder. Raises `LoadFailure` for anything else in it."""
    most = max(_SMALL, _MOST_GROWTH * archive.stat().st_size)
    try:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(tar):
                if number >= _MOST_FILES:
                    raise _refused(uri, f"more than {_MOST_FILES:,} files")
                if member.isdir():
                    continue
                if not member.isreg():
                    raise _refused(uri, f"{shown(member.name)!r}, which is neither a file nor a folder")
                most -= member.size
                if most < 0:
                    raise _refused(uri, f"files of more than {_MOST_GROWTH} times its own size")
                target = folder / path_below(uri, member.name.removeprefix("./"))
                target.parent.mkdir(parents=True, exist_ok=True)
                content = tar.extractfile(member)
                if content is not None:
                    _copy(content, target)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        message = f"{shown(uri)}: a layer of it is no tar that can be read ({one_line(error, 200)}): pack it plain or with gzip"
        raise LoadFailure(Reason.MODEL_INVALID, message) from error


def _copy(content: IO[bytes], target: Path) -> None:
    with content, target.open("xb") as file:
        while chunk := content.read(_CHUNK):
            file.write(chunk)


def _refused(uri: str, what: str) -> LoadFailure:
    return LoadFailure(
        Reason.MODEL_INVALID, f"{shown(uri)}: a layer of it holds {what}: pack the files of the model alone"
    )
