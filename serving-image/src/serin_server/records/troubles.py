"""Troubles of whoever takes what a server sends: each kind is told now and then, and never with data in it."""

import time
import urllib.error
from collections.abc import Callable
from typing import Final

from serin_server.records.sink import NotTaken

_TELL_SECONDS: Final = 60.0
_MOST_TROUBLES: Final = 32
Tell = Callable[[str, int], None]
"""Is told a kind of trouble, and how many events have been dropped so far."""


class Troubles:
    """Tells each kind of trouble at most once a minute."""

    def __init__(self, tell: Tell | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._told_at: dict[str, float] = {}

    def tell(self, trouble: str | Exception, dropped: int) -> None:
        """One more event is lost, for this reason."""
        words = trouble if isinstance(trouble, str) else words_of(trouble)
        now = self._clock()
        if self._tell is None or now - self._told_at.get(words, -_TELL_SECONDS) < _TELL_SECONDS:
            return
        if len(self._told_at) >= _MOST_TROUBLES:
            self._told_at.clear()
        self._told_at[words] = now
        self._tell(words, dropped)


def words_of(error: Exception) -> str:
    """The kind of a trouble, without any data: a receiver's nonsense and an event's values stay out of the log."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, NotTaken):
        return str(reason)
    if isinstance(reason, OSError) and reason.strerror:
        return f"{type(reason).__name__}: {reason.strerror}"
    return type(reason).__name__
