"""Gives memory back to the system: the C library keeps what was freed, for a next time that may never come."""

import asyncio
import ctypes
from typing import Final

from serin_server.dataplane.memory import MemoryBudget

_LOOK_SECONDS: Final = 1.0
_WORTH_BYTES: Final = 8 << 20
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 64 << 20
_MAPPED_BYTES: Final = 32 << 20


def keep_little() -> None:
    """Large blocks are mapped one by one, so that freeing one gives it back at once. glibc raises that bound by itself, unless it is set.

    What lies free at the end of the heap is kept up to a bound of its own, or every tensor would be paged in anew.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


class Trimmer:
    """Trims the C library's heaps a moment after large requests have given memory back."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._seen = 0
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    async def run(self) -> None:
        """Looks once a second, for ever."""
        loop = asyncio.get_running_loop()
        while self._trim is not None:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._budget.given_back_bytes - self._seen > _WORTH_BYTES:
                self._seen = self._budget.given_back_bytes
                await loop.run_in_executor(None, self._trim, 0)
