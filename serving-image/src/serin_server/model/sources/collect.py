"""Brings the files of a store to the cache: each verified, and there for others only when all of it is right."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.digest import digest_of_listing, model_digest, model_files, model_listing
from serin_server.model.digest_beside import DigestBeside
from serin_server.model.external_data import locations_in
from serin_server.model.sources.archive import unpacked
from serin_server.model.sources.asked import Fetched, Source
from serin_server.model.sources.progress import Progress
from serin_server.model.sources.registry import Opened
from serin_server.model.sources.remote import Remote, RemoteFile, path_below
from serin_server.uris import shown

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FILE, _FOLDER, _WITH_WEIGHTS = "model.onnx", "folder", "files"
_ARCHIVES: Final = "archives"
Digests = dict[int, str]
"""The sha256 of files that were written, by their inodes: names may still change."""


def collected(source: Source, opened: Opened) -> Fetched:
    """The model in the cache, from the cache alone when bytes of the wanted digest lie there. Raises `LoadFailure`."""
    with _cache(source):
        known = source.sha256 and not source.with_signatures  # which lie at the source alone
        if known and (found := _cached(source.cache_dir / source.digest, source.digest)):
            return Fetched(found, source.digest)
        source.cache_dir.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=source.cache_dir, prefix=".fetch-", ignore_cleanup_errors=True) as scratch,
            opened as remote,
        ):
            digests: Digests = {}
            kind, path = _brought(source, remote, Path(scratch), digests)
            listing = model_listing(path, digests)
            digest = digest_of_listing(path, listing)
            check_digest(source, digest)
            home = source.cache_dir / digest
            home.mkdir(exist_ok=True)
            whole = path if kind == _FILE else Path(scratch) / kind
            there = home / path.relative_to(scratch)
            if (home / kind).exists() and not _is_whole(there, digest):  # damaged since it was put there
                (home / kind).replace(Path(scratch) / f"damaged-{kind}")
            if not (home / kind).exists():
                whole.replace(home / kind)
            return Fetched(
                there,
                digest,
                remote.resolved_uri,
                listing,
                artifact=remote.artifact,
                attached=remote.attached,
            )


def check_digest(source: Source, digest: str) -> None:
    """Raises `LoadFailure` when another digest was asked for."""
    if source.sha256 and digest != source.digest:
        raise LoadFailure(
            Reason.DIGEST_MISMATCH,
            f"{shown(source.uri)} holds sha256 {digest}, but {source.sha256} was asked for: "
            "publish new bytes under a new version, or correct the digest",
        )


def _is_whole(path: Path, digest: str) -> bool:
    return path.exists() and model_digest(path) == digest


def _cached(home: Path, digest: str) -> Path | None:
    weighty = home / _WITH_WEIGHTS
    candidates = [home / _FILE, home / _FOLDER, *(weighty.iterdir() if weighty.is_dir() else ())]
    return next((each for each in candidates if _is_whole(each, digest)), None)


def _brought(source: Source, remote: Remote, scratch: Path, digests: Digests) -> tuple[str, Path]:
    """Writes every file below the scratch folder; what kind of model it is, and its path there."""
    folder = scratch / _FOLDER
    progress = Progress(source.uri)
    archives = []
    for number, file in enumerate(remote.files):
        if file.is_archive:
            # Opened only when its bytes have proven to be those that were promised.
            part = RemoteFile(str(number), file.read, file.sha256)
            archives.append((_write(source, part, scratch / _ARCHIVES, progress, digests), folder / file.path))
        else:
            _write(source, file, folder, progress, digests)
    for archive, place in archives:  # when all is here: whoever watches the source need not wait for this
        digests.pop(archive.stat().st_ino, None)  # another file may get its inode
        unpacked(source.uri, archive, place)
        archive.unlink()
    found = model_files(folder) if folder.is_dir() else []
    if not found:
        raise LoadFailure(Reason.SOURCE_NOT_FOUND, f"{shown(source.uri)} holds no file: check its address")
    if remote.is_folder or (remote.is_folder is None and len(found) > 1):
        return _FOLDER, folder
    return _alone(source, remote, found[0], scratch, progress, digests)


def _alone(
    source: Source, remote: Remote, file: Path, scratch: Path, progress: Progress, digests: Digests
) -> tuple[str, Path]:
    """One file, with those beside it in which it keeps weights."""
    try:
        locations = locations_in(file)
    except LoadFailure:
        locations = []  # no ONNX model at all: whoever loads it says so
    if not locations:
        return _FILE, file.rename(scratch / _FILE)
    if remote.beside is None:
        message = (
            f"{shown(source.uri)} keeps weights in {shown(locations[0])!r}, which cannot be fetched with it: save the model in "
            "one file, or serve its folder by pvc:// or file://"
        )
        raise LoadFailure(Reason.MODEL_UNSUPPORTED, message)
    files = scratch / _WITH_WEIGHTS
    files.mkdir()
    model = file.rename(files / file.name)
    for location in locations:
        _write(source, remote.beside(str(path_below(source.uri, location))), files, progress, digests)
    return _WITH_WEIGHTS, model


def _write(source: Source, file: RemoteFile, folder: Path, progress: Progress, digests: Digests) -> Path:
    """One file below a folder, verified by the digest that its store promises; its digest is made beside, while it comes."""
    target = folder / path_below(source.uri, file.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as written, DigestBeside() as beside:
        for chunk in file.read():
            beside.update(chunk)
            written.write(chunk)
            progress.came(len(chunk))
        digest = digests[target.stat().st_ino] = beside.hexdigest()
    if file.sha256 and digest != file.sha256:
        message = (
            f"{shown(source.uri)}: {shown(file.path)} came with sha256 {digest}, and its store promises "
            f"{file.sha256}: the store is damaged, or somebody between here and there changes what it sends"
        )
        raise LoadFailure(Reason.DIGEST_MISMATCH, message)
    return target


@contextmanager
def _cache(source: Source) -> Iterator[None]:
    """Says of trouble with the cache folder what it is: what comes from the source is a `LoadFailure` already."""
    try:
        yield
    except OSError as error:
        where, why = source.cache_dir, error.strerror or str(error)
        if isinstance(error, FileExistsError) and ".fetch-" in str(error.filename):
            message = (
                f"{shown(source.uri)} holds two files by one name, {Path(error.filename).name!r}: remove one of them"
            )
            raise LoadFailure(Reason.MODEL_INVALID, message) from error
        if error.errno in _FULL:
            message = (
                f"the model does not fit into the cache folder {where} ({why}): make room, or give its volume more"
            )
            raise LoadFailure(Reason.DISK_FULL, message) from error
        message = (
            f"the cache folder {where} cannot be used by user {os.geteuid()} ({why}): mount a volume there that it may write to, "
            "or name another with SERIN_CACHE_DIR"
        )
        raise LoadFailure(Reason.CACHE_UNUSABLE, message) from error
