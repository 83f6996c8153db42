"""The digest of a model: of a file its sha256, of several files the sha256 of their sorted listing."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure
from serin_server.model.external_data import external_files

_CHUNK: Final = 1 << 20


def file_digest(path: Path) -> str:
    """The sha256 of one file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """The sha256 of the sorted lines `<sha256><two spaces><relative path>` of every file below a folder.

    The same as `find . -type f | … sha256sum | sort | sha256sum` gives, so a person can compute it with coreutils.
    Links inside a mounted ConfigMap (`..data`) are followed as files are; hidden folders they point into are left out.
    """
    return _listing_digest(folder, model_files(folder))


def _listing_digest(folder: Path, files: Iterable[Path]) -> str:
    lines = sorted(f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def model_files(folder: Path) -> list[Path]:
    """Every file that belongs to a model folder; what Kubernetes keeps in `..` folders of a volume does not.

    Raises `OSError` for a folder in it that cannot be read: a digest of the rest would be another model's.
    """
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_raised):
        folders[:] = [name for name in folders if not name.startswith("..")]
        found += [Path(parent, name) for name in names if not name.startswith("..")]
    return sorted(path for path in found if path.is_file())


def _raised(error: OSError) -> None:
    raise error


def model_digest(path: Path) -> str:
    """The digest of a model: of a folder, of a file, or of a file with those in which it keeps weights (external_data.py)."""
    if path.is_dir():
        return folder_digest(path)
    files = _files_of(path)
    return _listing_digest(path.parent, files) if len(files) > 1 else file_digest(path)


def model_size_bytes(path: Path) -> int:
    """The size of a model: of all its files."""
    return sum(file.stat().st_size for file in (model_files(path) if path.is_dir() else _files_of(path)))


def _files_of(file: Path) -> list[Path]:
    """A model's file and those beside it that it needs; one that needs what is not there is refused when it is loaded."""
    try:
        return [file, *external_files(file)]
    except LoadFailure:
        return [file]
