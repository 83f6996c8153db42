"""What is known of the models: which of their ends are taken care of, and what was seen last of rollouts under way."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from serin_ui.reports.ends import End, ends_of, seen_of

_MOST_BYTES: Final = 64 * 1024
"""That are kept of one rollout; of a larger one nothing is."""
_MOST_ROLLOUTS: Final = 2
"""Of one model: the one under way, and a guard."""


class _Known:
    __slots__ = ("keys", "namespace", "seen")

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.keys: set[str] = set()
        self.seen: dict[str, bytes] = {}
        """By revision, as JSON: a tenth of what it takes when it is parsed."""


class Fleet:
    """A few hundred bytes a model, and a few thousand for each that rolls out.

    Args:
        max_age: Ends that lie further back are not told.
    """

    def __init__(self, max_age: timedelta) -> None:
        self._max_age = max_age
        self._known: dict[str, _Known] = {}

    def __len__(self) -> int:
        """How many models there are."""
        return len(self._known)

    def see(self, raw: Mapping[str, Any], now: datetime) -> list[tuple[End, bytes]]:
        """Ends of this ModelDeployment that nobody has taken care of yet, each with what was seen of it on its way, as JSON."""
        metadata = raw["metadata"]
        known = self._known.setdefault(metadata["uid"], _Known(metadata["namespace"]))
        ends = {end.key: end for end in ends_of(raw, now - self._max_age)}
        new = [(end, known.seen.pop(end.revision, b"")) for key, end in ends.items() if key not in known.keys]
        known.keys = set(ends)  # what is too old is not asked for again
        _remember(known.seen, seen_of(raw))
        return new

    def forget(self, uid: str) -> None:
        """A model is gone."""
        self._known.pop(uid, None)

    def forget_others(self, namespace: str | None, there: set[str]) -> None:
        """All models that a whole listing has not shown are gone."""
        for uid, known in [*self._known.items()]:
            if uid not in there and namespace in {None, known.namespace}:
                del self._known[uid]


def _remember(known: dict[str, bytes], seen: Mapping[str, Any] | None) -> None:
    if seen is None:
        return
    kept = orjson.dumps(seen)
    known.pop(str(seen["revision"]), None)
    if len(kept) <= _MOST_BYTES:
        known[str(seen["revision"])] = kept
    while len(known) > _MOST_ROLLOUTS:
        del known[next(iter(known))]
