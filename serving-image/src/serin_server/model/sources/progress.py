"""How far a fetch is, a line now and then: a model of gigabytes takes minutes, and silence looks like a hang."""

import sys
import time
from collections.abc import Callable
from typing import Final

from serin_server.uris import shown

EVERY_SECONDS: Final = 10.0


class Progress:
    """Counts what comes, and says so on standard error every ten seconds."""

    def __init__(self, uri: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._uri = uri
        self._clock = clock
        self._began = self._told = clock()
        self._got = 0

    def came(self, count: int) -> None:
        """So many bytes more."""
        self._got += count
        now = self._clock()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            seconds = now - self._began
            rate = self._got / seconds / 1e6
            sys.stderr.write(f"{shown(self._uri)}: {self._got:,} bytes in {seconds:.0f} s ({rate:.1f} MB/s)\n")
