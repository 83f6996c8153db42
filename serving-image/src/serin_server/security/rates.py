"""How often one caller may ask: a bucket of tokens for each key, which fills as time goes by."""

import math
from collections.abc import Callable
from time import monotonic
from typing import Final

from serin_server.refusals import Kind, Refusal

_MOST_CALLERS: Final = 4096


class Rates:
    """Lets each caller ask so often a second, and so many at once after a pause. Of one process."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_second = per_second
        self._burst = float(burst or max(1, math.ceil(per_second)))
        self._clock = clock
        self._buckets: dict[bytes, tuple[float, float]] = {}
        """What is left for each, and when that was."""

    def check(self, caller: bytes) -> None:
        """Counts one request. Raises `Refusal` with the seconds after which the next will do."""
        now = self._clock()
        left, since = self._buckets.get(caller, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        if left < 1:
            wait = math.ceil((1 - left) / self._per_second)
            self._buckets[caller] = left, now
            raise Refusal(
                Kind.TOO_OFTEN,
                f"this key may ask {self._per_second:g} times a second: try again in {wait} s",
                retry_seconds=wait,
            )
        if len(self._buckets) >= _MOST_CALLERS and caller not in self._buckets:
            self._forget_the_full(now)
        self._buckets[caller] = left - 1, now

    def _forget_the_full(self, now: float) -> None:
        """Callers whose buckets are full again are as good as new ones; if none is, all are forgotten."""
        rate, burst = self._per_second, self._burst
        kept = {
            who: (left, since) for who, (left, since) in self._buckets.items() if left + (now - since) * rate < burst
        }
        self._buckets = kept if len(kept) < _MOST_CALLERS else {}
