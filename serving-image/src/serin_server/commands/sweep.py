"""`serin-server sweep`: what lies in the store and nobody names any more; removed only when it is said so.

What is in use is read from what `kubectl get modeldeployments,controllerrevisions -A -o json` prints: every digest that stands
anywhere in it is in use. A list that is cut, or names none, is none: then nothing is removed.
"""

import json
import re
import sys
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from serin_server.config.settings import InvalidSetting, Settings
from serin_server.failures import one_line
from serin_server.model.shelf.place import opened
from serin_server.model.shelf.sweep import Heap, heaps, remove, unnamed
from serin_server.process.model import store_of
from serin_server.uris import shown

STDIN: Final = Path("-")
_DIGEST: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def sweep(settings: Settings) -> int:
    """Prints what would go, or goes. Raises `LoadFailure`, and `InvalidSetting` for a list that is none."""
    store = store_of(settings)
    if store is None:
        raise InvalidSetting("SERIN_STORE (--store) is not set: say which store to sweep")
    in_use = _in_use(settings.sweep_in_use)
    before = time.time() - settings.sweep_older_than_hours * 3600
    is_dry = settings.sweep_delete != "on"
    place = opened(store, writes=True)
    found = heaps(place)
    gone = unnamed(found, in_use, before)
    if gone and not is_dry and not any(heap.digest in in_use for heap in found):
        raise InvalidSetting(
            f"none of the {len(found):,} models in {shown(store.uri)} is named by the list, which names {len(in_use):,} digests: it is that "
            "of another store or cluster, most likely; nothing was removed"
        )
    for heap in gone:
        done = (
            "would be removed" if is_dry else "removed" if remove(place, heap.digest, before) else "left: in use anew"
        )
        sys.stdout.write(f"{heap.digest}  {heap.size:>15,} bytes  {_day(heap)}  {done}\n")
    sys.stdout.write(_summary(found, gone, in_use, settings))
    return 0


def _summary(found: Collection[Heap], gone: Collection[Heap], in_use: Collection[str], settings: Settings) -> str:
    named = sum(heap.digest in in_use for heap in found)
    young = len(found) - named - len(gone)
    size = sum(heap.size for heap in gone)
    more = "; --sweep-delete on removes them" if gone and settings.sweep_delete != "on" else ""
    return (
        f"{shown(settings.store)}: {len(found):,} models, {named:,} in use, {young:,} younger than "
        f"{settings.sweep_older_than_hours:g} h, {len(gone):,} of {size:,} bytes that nobody names{more}\n"
    )


def _day(heap: Heap) -> str:
    return datetime.fromtimestamp(heap.modified, UTC).strftime("%Y-%m-%d")


def _in_use(file: Path | None) -> frozenset[str]:
    """Every digest that stands in the list. Raises `InvalidSetting`."""
    if file is None:
        raise InvalidSetting(
            "SERIN_SWEEP_IN_USE (--sweep-in-use) is not set: give the file, or - for standard input, with what kubectl get "
            "modeldeployments,controllerrevisions -A -o json prints"
        )
    try:
        text = sys.stdin.read() if file == STDIN else file.read_text()
        _check_whole(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidSetting(
            f"SERIN_SWEEP_IN_USE={file} is no list of what is in use ({one_line(error, 200)}): give all that kubectl get … -o json "
            "prints; nothing was removed"
        ) from None
    found = frozenset(_DIGEST.findall(text))
    if not found:
        raise InvalidSetting(
            f"SERIN_SWEEP_IN_USE={file} names no digest, so everything would go: check cluster and namespace; nothing was removed"
        )
    return found


def _check_whole(text: str) -> None:
    """Raises `ValueError` unless the text is JSON to its end, perhaps of several clusters one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        _, at = decoder.raw_decode(text, at)
