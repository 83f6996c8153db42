"""What is older than it may be kept: days of predictions, and the labels of predictions of those days."""

import re
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from serin_server.collector.schema import LABELS, PREDICTIONS
from serin_server.model.shelf.place import Place

_DAY: Final = rf"({PREDICTIONS}|{LABELS})/day=(\d{{4}}-\d\d-\d\d)/(?:version=[^/]+/)?"
_OURS: Final = re.compile(rf"{_DAY}part-\d{{13}}-[0-9a-f]{{12}}-\d+\.parquet")
_UNFINISHED: Final = re.compile(rf"{_DAY}\.put-[0-9a-f]{{32}}")
"""As a folder names what it has not moved to its place yet."""
_LONGEST_WRITE_SECONDS: Final = 86_400.0


def expired(keys: Iterable[str], today: date, days: int) -> Iterator[str]:
    """Those of the keys that a collector wrote for a day more than so many days before; nothing with 0 days."""
    if not days:
        return
    first = (today - timedelta(days=days)).isoformat()
    for key in keys:
        found = _OURS.fullmatch(key)
        if found is not None and found[2] < first:
            yield key


def sweep(place: Place, today: date, days: int, now: float | None = None) -> int:
    """Deletes what is older, and copies that were never finished; how many objects were older. Raises `LoadFailure`."""
    lying = [each for table in (PREDICTIONS, LABELS) for each in place.below(table)]
    begun_before = (time.time() if now is None else now) - _LONGEST_WRITE_SECONDS
    for each in lying:
        if each.modified < begun_before and _UNFINISHED.fullmatch(each.key):
            place.remove(each.key)
    gone = list(expired((each.key for each in lying), today, days))
    for key in gone:
        place.remove(key)
    return len(gone)
