"""Puts a model into the store, once: what is there and right stays, what is half or damaged is written anew.

Two that keep the same digest at once write the same bytes, so neither has to know of the other. Bytes count when they were read
back and had their digest; the manifest is written when all do, so whoever is killed on the way leaves nothing that counts.
"""

import hashlib
import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as TookTooLong
from functools import partial
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.deadline import in_thread
from serin_server.model.shelf.place import Place, opened
from serin_server.model.shelf.whole import Entry, Whole, key_of, manifest_of, whole
from serin_server.model.sources.asked import Store
from serin_server.model.sources.remote import path_below
from serin_server.uris import shown

_ALONE: Final = "model.onnx"


def kept(store: Store, path: Path, files: Mapping[str, str], digest: str, end: float | None = None) -> bool:
    """Has a model in the store; whether anything had to be written. Raises `LoadFailure`.

    Args:
        store: Where.
        path: The model's file or folder.
        files: The sha256 of each file by its path below the model's folder.
        digest: Of the model.
        end: When it is given up, by the monotonic clock; None: as long as the store answers.
    """
    seconds = None if end is None else end - time.monotonic()
    if seconds is not None and seconds <= 0:
        raise _no_time(store)
    work = in_thread(partial(_kept, store, path, files, digest))
    try:
        return work.result(seconds)
    except TookTooLong:
        if work.done():
            raise
        raise _no_time(store) from None


def _no_time(store: Store) -> LoadFailure:
    message = (
        f"there was no time left to put it into {shown(store.uri)}: give more (spec.rollout.progressDeadlineSeconds, of "
        "which three quarters are for this, or SERIN_STORE_UNTIL_SECONDS)"
    )
    return LoadFailure(Reason.SOURCE_UNREACHABLE, message)


def _kept(store: Store, path: Path, files: Mapping[str, str], digest: str) -> bool:
    place = opened(store, writes=True)
    folder = path if path.is_dir() else path.parent
    local = {str(path_below("the model", name)): folder / name for name in files}
    if not path.is_dir() and len(files) == 1:  # whose name is no part of its digest, so each may call it otherwise
        local, files = {_ALONE: path}, {_ALONE: files[path.name]}
    main = "" if path.is_dir() else path.name if len(files) > 1 else _ALONE
    wanted = Whole({name: Entry(files[name], file.stat().st_size) for name, file in local.items()}, main)
    was_whole = _is_whole(place, digest, wanted)
    wrote = [_put(place, key_of(digest, name), file, wanted.files[name]) for name, file in local.items()]
    # Always anew: what a new version has asked for is young, so that nobody sweeps it away beneath it.
    place.write(manifest_of(digest), wanted.told())
    if whole(place, digest) != wanted:
        raise LoadFailure(Reason.DIGEST_MISMATCH, _lies(place))
    return any(wrote) or not was_whole


def _is_whole(place: Place, digest: str, wanted: Whole) -> bool:
    try:
        return whole(place, digest) == wanted
    except LoadFailure as failure:
        if failure.reason is Reason.DIGEST_MISMATCH:
            return False
        raise


def _put(place: Place, key: str, file: Path, wanted: Entry) -> bool:
    """Whether the file had to be written."""
    if _is_right(place, key, wanted):
        return False
    place.write(key, file)
    if not _is_right(place, key, wanted):
        raise LoadFailure(Reason.DIGEST_MISMATCH, _lies(place))
    return True


def _is_right(place: Place, key: str, wanted: Entry) -> bool:
    """Whether a file is there with its bytes, by reading them."""
    hasher, got = hashlib.sha256(), 0
    try:
        for chunk in place.read(key):
            hasher.update(chunk)
            got += len(chunk)
            if got > wanted.size:
                return False
    except LoadFailure as failure:
        if failure.reason is Reason.SOURCE_NOT_FOUND:
            return False
        raise
    return hasher.hexdigest() == wanted.sha256


def _lies(place: Place) -> str:
    return f"the store {place.told} gives back other bytes than were put into it: see what ails it"
