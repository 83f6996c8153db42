"""The digest of a model: of a file its sha256, of a folder the sha256 of its sorted listing."""

import hashlib
import os
from pathlib import Path
from typing import Final

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
    lines = sorted(f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in model_files(folder))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
    """The digest of a model, be it one file or a folder."""
    return folder_digest(path) if path.is_dir() else file_digest(path)


def model_size_bytes(path: Path) -> int:
    """The size of a model: of all its files when it is a folder."""
    return sum(file.stat().st_size for file in model_files(path)) if path.is_dir() else path.stat().st_size
