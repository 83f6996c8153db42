"""What is older than it may be kept: days of predictions, and the labels of predictions of those days."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from serin_server.collector.schema import LABELS, PREDICTIONS
from serin_server.model.shelf.place import Place

_OURS: Final = re.compile(rf"({PREDICTIONS}|{LABELS})/day=(\d{{4}}-\d\d-\d\d)/(version=[^/]+/)?part-[^/]+\.parquet")


def expired(keys: Iterable[str], today: date, days: int) -> Iterator[str]:
    """Those of the keys that a collector wrote for a day more than so many days before; nothing with 0 days."""
    if not days:
        return
    first = (today - timedelta(days=days)).isoformat()
    for key in keys:
        found = _OURS.fullmatch(key)
        if found is not None and found[2] < first:
            yield key


def sweep(place: Place, today: date, days: int) -> int:
    """Deletes what is older; how many objects. Raises `LoadFailure`."""
    gone = list(expired((lying.key for table in (PREDICTIONS, LABELS) for lying in place.below(table)), today, days))
    for key in gone:
        place.remove(key)
    return len(gone)
