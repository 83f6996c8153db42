"""Brings the bytes of a model to a local path, from a file, a mounted claim or over HTTP."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from serin_server.failures import LoadFailure, Reason
from serin_server.model.digest import model_digest


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


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model on the local disk, with the digest of the very bytes that lie there."""

    path: Path
    sha256: str


def fetch(source: Source) -> Fetched:
    """Brings a model here and verifies its digest. Raises `LoadFailure` with a reason and a way out."""
    parts = urlsplit(source.uri)
    match parts.scheme:
        case "" | "file":
            return _verified(source, _local(Path(unquote(parts.path)), source.uri))
        case "pvc":
            claim, path = parts.netloc, unquote(parts.path).lstrip("/")
            if not claim or ".." in Path(path).parts:
                raise LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{source.uri}: write it as pvc://claim/path")
            return _verified(source, _local(source.mounts_dir / claim / path, source.uri))
        case "http" | "https":
            return _downloaded(source)
        case scheme:
            raise LoadFailure(
                Reason.SOURCE_UNSUPPORTED,
                f"the scheme {scheme}:// is not supported: use file://, pvc://claim/path, http:// or https://",
            )


def _local(path: Path, uri: str) -> Path:
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise LoadFailure(
            Reason.SOURCE_NOT_FOUND, f"{uri}: there is no file {path} in the container: check the path"
        ) from None
    except PermissionError:
        raise LoadFailure(
            Reason.SOURCE_FORBIDDEN,
            f"{uri}: {path} may not be read by user {os.getuid()}: make it readable (chmod o+r, or fsGroup)",
        ) from None
    except OSError as error:
        raise LoadFailure(Reason.SOURCE_UNREACHABLE, f"{uri}: {path} cannot be read ({error})") from error
    return path


def _verified(source: Source, path: Path) -> Fetched:
    try:
        digest = model_digest(path)
    except OSError as error:
        raise LoadFailure(Reason.SOURCE_UNREACHABLE, f"{source.uri}: reading it failed ({error})") from error
    _check_digest(source, digest)
    return Fetched(path, digest)


def _check_digest(source: Source, digest: str) -> None:
    if source.sha256 and digest != source.sha256.removeprefix("sha256:").lower():
        raise LoadFailure(
            Reason.DIGEST_MISMATCH,
            f"{source.uri} holds sha256 {digest}, but {source.sha256} was asked for: "
            "publish new bytes under a new version, or correct the digest",
        )


def _downloaded(source: Source) -> Fetched:
    """The model by HTTP, from the cache when bytes of the wanted digest already lie there."""
    if source.sha256:
        cached = source.cache_dir / source.sha256.removeprefix("sha256:").lower() / "model.onnx"
        if cached.is_file() and model_digest(cached) == cached.parent.name:
            return Fetched(cached, cached.parent.name)
    from serin_server.model.download import download  # noqa: PLC0415 (urllib and ssl cost 40 ms of start)

    source.cache_dir.mkdir(parents=True, exist_ok=True)
    headers = _headers(source.headers_file)
    with tempfile.TemporaryDirectory(dir=source.cache_dir, prefix=".fetch-") as scratch:
        part = Path(scratch) / "model.onnx"
        hasher = hashlib.sha256()
        with part.open("wb") as file:
            for chunk in download(source.uri, headers, source.ca_file, source.timeout_seconds):
                hasher.update(chunk)
                file.write(chunk)
        digest = hasher.hexdigest()
        _check_digest(source, digest)
        target = source.cache_dir / digest
        target.mkdir(exist_ok=True)
        shutil.move(part, target / "model.onnx")
    return Fetched(target / "model.onnx", digest)


def _headers(file: Path | None) -> Mapping[str, str]:
    if file is None:
        return {}
    try:
        text = file.read_text()
    except OSError as error:
        raise LoadFailure(Reason.SOURCE_FORBIDDEN, f"the headers of the source cannot be read ({error})") from error
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, f"{file}: each line must be `Name: value`")
        headers[name.strip()] = value.strip()
    return headers
