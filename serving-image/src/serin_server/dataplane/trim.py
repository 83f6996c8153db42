"""Gives memory back to the system: the C library keeps what was freed, for a next time that may never come."""

import asyncio
import ctypes
from collections.abc import Sequence
from typing import Final

from serin_server.dataplane.plane import DataPlane
from serin_server.metrics.server import resident_bytes

_LOOK_SECONDS: Final = 1.0
_WORTH_BYTES: Final = 16 << 20
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 32 << 20
_MAPPED_BYTES: Final = 16 << 20


def keep_little() -> None:
    """Large blocks are mapped one by one, so that freeing one gives it back at once. glibc raises that bound by itself, unless it is set.

    What lies free at the end of the heap is kept up to a bound of its own, or every tensor would be paged in anew.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


class Trimmer:
    """Once a second, while nobody asks for much: gives back what ONNX Runtime's arena and the C library's heaps kept."""

    def __init__(self, planes: Sequence[DataPlane]) -> None:
        """Of several models that share a memory budget each is looked at by itself."""
        self._planes = planes
        self._answered = [0.0] * len(planes)
        self._resident = resident_bytes()
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)

    async def run(self) -> None:
        """Looks again and again, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for place, plane in enumerate(self._planes):
                loaded = plane.loaded
                answered, before = plane.metrics.batch_size.sum, self._answered[place]
                self._answered[place] = answered
                if loaded is not None and answered == before and loaded.batcher.keeps_much:
                    await loop.run_in_executor(None, loaded.batcher.give_back)
            resident = resident_bytes()
            if (
                resident > self._resident + _WORTH_BYTES
                and not self._planes[0].memory.held_bytes
                and self._trim is not None
            ):
                await loop.run_in_executor(None, self._trim, 0)
                self._resident = resident_bytes()
            else:
                self._resident = min(self._resident, resident)
