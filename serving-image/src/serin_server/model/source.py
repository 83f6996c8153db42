"""Brings the bytes of a model to a local path: from a file, a mounted claim, or a store over the network (sources/)."""

import errno
import os
import re
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from serin_server.failures import SOURCE_REASONS, LoadFailure, Reason, one_line
from serin_server.model.digest import digest_of_listing, model_listing
from serin_server.model.shelf.take import taken
from serin_server.model.sources.asked import Fetched, Source, Store
from serin_server.model.sources.collect import check_digest, collected
from serin_server.model.sources.registry import STORES, opener
from serin_server.uris import scrubbed, shown

__all__ = ["Fetched", "Source", "fetch"]

_CLAIM: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_HERE: Final = ("file", "pvc")
_NEVER_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


def fetch(source: Source) -> Fetched:
    """Brings a model here and verifies its digest. Raises `LoadFailure` with a reason and a way out.

    Where there is a store and the digest is known, pods ask it first and the source second. What is mounted is looked at where it
    lies, before the store: it is here already, and so is what lies beside a single file of it.
    """
    if source.variant:
        return _variant(source, source.store)
    if source.store is None or not source.sha256:
        return _from_source(source)
    is_here = "://" not in source.uri or source.uri.partition("://")[0] in _HERE
    if source.is_resolving or is_here:
        return _rather_from_source(source, source.store)
    try:
        return taken(source, source.store)
    except LoadFailure as failure:
        missed = failure
    sys.stderr.write(f"{missed.message}; reading the source instead\n")
    try:
        return _from_source(source)
    except LoadFailure as failure:
        raise _neither(failure, missed) from failure


def _variant(source: Source, store: Store | None) -> Fetched:
    try:
        if store is None or not source.sha256:
            raise LoadFailure(Reason.SOURCE_NOT_FOUND, "SERIN_STORE and SERIN_MODEL_SHA256 do not say where and which")
        return taken(source, store)
    except LoadFailure as failure:
        message = (
            f"{failure.message}; the variant {source.variant} of {shown(source.uri)} is kept nowhere else: mend the store, or roll out a "
            "new spec.model.version"
        )
        raise LoadFailure(failure.reason, message) from failure


def _rather_from_source(source: Source, store: Store) -> Fetched:
    try:
        return _from_source(source)
    except LoadFailure as failure:
        if failure.reason not in SOURCE_REASONS:
            raise
        missed = failure
    sys.stderr.write(f"{missed.message}; reading the store instead\n")
    try:
        return replace(taken(source, store), instead=missed.message)
    except LoadFailure as failure:
        raise _neither(missed, failure) from failure


def _neither(of_source: LoadFailure, of_store: LoadFailure) -> LoadFailure:
    """The source's failure, which has a condition and a way out, and why the store was no help."""
    return LoadFailure(of_source.reason, f"{of_source.message}; and from the store: {of_store.message}")


def _from_source(source: Source) -> Fetched:
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
        case scheme if scheme in STORES:
            return collected(source, opener(scheme)(source))
        case scheme:
            known = ", ".join(f"{each}://" for each in ("file", "pvc", *STORES))
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, f"the scheme {scheme}:// is not supported: use one of {known}")


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
        listing = model_listing(path)
        digest = digest_of_listing(path, listing)
    except OSError as error:
        raise _unreadable(shown(source.uri), path, error) from error
    check_digest(source, digest)
    return Fetched(path, digest, files=listing)
