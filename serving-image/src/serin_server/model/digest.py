"""The digest of a model: of a file its sha256, of several files the sha256 of their sorted listing."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from serin_server.failures import LoadFailure
from serin_server.model.external_data import external_files

_CHUNK: Final = 1 << 20
NOTHING_KNOWN: Final[Mapping[int, str]] = MappingProxyType({})


def file_digest(path: Path) -> str:
    """The sha256 of one file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """The sha256 of the sorted lines `<sha256><two spaces><relative path>` of every file below a folder.

    The same as `find . -type f | … sha256sum | sort | sha256sum` gives, so a person can compute it with coreutils.
    Links inside a mounted ConfigMap (`..data`) are followed as files are; hidden folders they point into are left out.
    """
    return _listing_digest(_listing(folder, model_files(folder)))


def _listing(folder: Path, files: Iterable[Path], known: Mapping[int, str] = NOTHING_KNOWN) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): known.get(path.stat().st_ino) or file_digest(path) for path in files}


def _listing_digest(listing: Mapping[str, str]) -> str:
    lines = sorted(f"{digest}  {name}\n" for name, digest in listing.items())
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
    return digest_of_listing(path, model_listing(path))


def model_listing(path: Path, known: Mapping[int, str] = NOTHING_KNOWN) -> dict[str, str]:
    """The sha256 of every file of a model, by its path below the model's folder; `known` has that of some by their inodes."""
    if path.is_dir():
        return _listing(path, model_files(path), known)
    return _listing(path.parent, _files_of(path), known)


def digest_of_listing(path: Path, listing: Mapping[str, str]) -> str:
    """The digest of the model at `path` whose files these are."""
    return _listing_digest(listing) if path.is_dir() or len(listing) > 1 else listing[path.name]


def model_size_bytes(path: Path) -> int:
    """The size of a model: of all its files."""
    return sum(file.stat().st_size for file in (model_files(path) if path.is_dir() else _files_of(path)))


def _files_of(file: Path) -> list[Path]:
    """A model's file and those beside it that it needs; one that needs what is not there is refused when it is loaded."""
    try:
        return [file, *external_files(file)]
    except LoadFailure:
        return [file]
