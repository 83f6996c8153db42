"""Brings the bytes of a model to a local path, from a file, a mounted claim or over HTTP."""

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.digest import model_digest
from serin_server.model.external_data import locations_in
from serin_server.uris import scrubbed, shown

_CLAIM: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_NEVER_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


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

    @property
    def digest(self) -> str:
        """The digest that the model must have, bare; empty when any will do."""
        return self.sha256.removeprefix("sha256:").lower()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model on the local disk, with the digest of the very bytes that lie there."""

    path: Path
    sha256: str


def fetch(source: Source) -> Fetched:
    """Brings a model here and verifies its digest. Raises `LoadFailure` with a reason and a way out."""
    try:
        parts = urlsplit(source.uri)
    except ValueError as error:
        why = scrubbed(one_line(error, 100), source.uri)
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{shown(source.uri)} is no address ({why})") from None
    match parts.scheme:
        case "":
            return _verified(source, _local(source, _path(source.uri)))
        case "file" if parts.path:
            return _verified(source, _local(source, _path(parts.path)))
        case "file":
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{shown(source.uri)} names no path: write it as file:///path")
        case "pvc":
            claim, path = parts.netloc, _path(parts.path.lstrip("/"))
            if not _CLAIM.fullmatch(claim) or ".." in path.parts:
                raise LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{shown(source.uri)}: write it as pvc://claim/path")
            return _verified(source, _local(source, source.mounts_dir / claim / str(path).lstrip("/")))
        case "http" | "https":
            return _downloaded(source)
        case scheme:
            raise LoadFailure(
                Reason.SOURCE_UNSUPPORTED,
                f"the scheme {scheme}:// is not supported: use file://, pvc://claim/path, http:// or https://",
            )


def _path(quoted: str) -> Path:
    """The path that percent-encoded text means, whatever bytes it is made of."""
    path = unquote_to_bytes(quoted.encode("utf-8", "surrogateescape"))
    if b"\0" in path:
        raise LoadFailure(
            Reason.SOURCE_UNSUPPORTED, "the path of the model holds a NUL (%00), which no file has: check it"
        )
    return Path(os.fsdecode(path))


def _local(source: Source, path: Path) -> Path:
    uri = shown(source.uri)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(path.iterdir(), None)
        elif stat.S_ISREG(mode):
            path.open("rb").close()
        else:
            message = f"{uri}: {shown(str(path))} is neither a file nor a folder: name the model's file"
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    except OSError as error:
        raise _unreadable(uri, path, error) from None
    return path


def _unreadable(uri: str, path: Path, error: OSError) -> LoadFailure:
    where = shown(str(error.filename or path))
    if error.errno in _NEVER_THERE:
        message = f"{uri}: there is no file {where} in the container: check the path"
        return LoadFailure(Reason.SOURCE_NOT_FOUND, message)
    if isinstance(error, PermissionError):
        return LoadFailure(
            Reason.SOURCE_FORBIDDEN,
            f"{uri}: {where} may not be read by user {os.geteuid()}: make it readable (chmod o+r, or fsGroup)",
        )
    return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{uri}: {where} cannot be read ({error.strerror or error})")


def _verified(source: Source, path: Path) -> Fetched:
    try:
        digest = model_digest(path)
    except OSError as error:
        raise _unreadable(shown(source.uri), path, error) from error
    _check_digest(source, digest)
    return Fetched(path, digest)


def _check_digest(source: Source, digest: str) -> None:
    if source.sha256 and digest != source.digest:
        raise LoadFailure(
            Reason.DIGEST_MISMATCH,
            f"{shown(source.uri)} holds sha256 {digest}, but {source.sha256} was asked for: "
            "publish new bytes under a new version, or correct the digest",
        )


def _downloaded(source: Source) -> Fetched:
    """The model by HTTP, from the cache when bytes of the wanted digest already lie there."""
    with _cache(source):
        if source.sha256:
            cached = source.cache_dir / source.digest / "model.onnx"
            if cached.is_file() and model_digest(cached) == source.digest:
                return Fetched(cached, source.digest)
        source.cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=source.cache_dir, prefix=".fetch-", ignore_cleanup_errors=True) as scratch:
            part = Path(scratch) / "model.onnx"
            digest = _written(source, part)
            _check_digest(source, digest)
            _check_it_is_whole(source, part)
            target = source.cache_dir / digest
            target.mkdir(exist_ok=True)
            part.replace(target / "model.onnx")
        return Fetched(target / "model.onnx", digest)


def _check_it_is_whole(source: Source, file: Path) -> None:
    try:
        locations = locations_in(file)
    except LoadFailure:
        return  # no ONNX model at all: whoever loads it says so
    if locations:
        message = (
            f"{shown(source.uri)} keeps weights in {shown(locations[0])!r}, which cannot be fetched with it: save the model in "
            "one file, or serve its folder by pvc:// or file://"
        )
        raise LoadFailure(Reason.MODEL_UNSUPPORTED, message)


def _written(source: Source, part: Path) -> str:
    """Writes what is downloaded; its digest."""
    from serin_server.model.download import Terms, download  # noqa: PLC0415 (urllib and ssl cost 40 ms of start)
    from serin_server.model.headers import headers_in  # noqa: PLC0415

    headers = headers_in(source.headers_file)
    terms = Terms(headers, source.ca_file, source.timeout_seconds, source.total_seconds, source.redirect_hosts)
    hasher = hashlib.sha256()
    with part.open("wb") as file:
        for chunk in download(source.uri, terms):
            hasher.update(chunk)
            file.write(chunk)
    return hasher.hexdigest()


@contextmanager
def _cache(source: Source) -> Iterator[None]:
    """Says of trouble with the cache folder what it is: what comes from the source is a `LoadFailure` already."""
    try:
        yield
    except OSError as error:
        where, why = source.cache_dir, error.strerror or str(error)
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
