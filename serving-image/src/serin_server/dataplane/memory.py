"""One budget for the bytes that requests hold: buffered, unpacked, parsed and answered.

Without it, memory is what clients choose: twenty bodies of sixty megabytes, or one small body that grows when it is
read. Requests of ordinary size pass by uncounted, since `max_in_flight` bounds them; everything larger holds its bytes
here until it was answered, and is refused when they are not to be had.
"""

import threading
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Final

from serin_server.metrics.server import Words
from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal

UNCOUNTED_BYTES: Final = 64 * 1024
"""Bodies up to this size are not counted."""
BYTES_OF_A_STRING: Final = 192
"""What a short text takes on its way through: its object and two places that point to it, ONNX Runtime's own on both sides of a
run, and as much again in the answer."""
_LEAST_BYTES: Final = 64 << 20
_MOST_BYTES: Final = 1 << 30
_WITHOUT_A_LIMIT: Final = 512 << 20
_CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class MemoryBudget:
    """Counts what is held, by any thread."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._lock = threading.Lock()

    def check(self, size: int) -> None:
        """Raises `Refusal` when so many bytes cannot be held now, or ever."""
        if size > self.limit_bytes:
            raise Refusal(
                Kind.TOO_LARGE,
                f"the request needs {_megabytes(size)} of memory, and this server has {_megabytes(self.limit_bytes)} for "
                "all requests: send fewer rows a request, or binary tensors",
            )
        if self.held_bytes + size > self.limit_bytes:
            raise Refusal(
                Kind.OVERLOADED,
                f"{_megabytes(self.held_bytes)} of {_megabytes(self.limit_bytes)} for requests are in use, and this one "
                f"needs {_megabytes(size)}: try again in a moment",
            )

    def take(self, size: int) -> None:
        """Holds bytes. Raises `Refusal` when they are not to be had."""
        with self._lock:
            self.check(size)
            self.held_bytes += size

    def give(self, size: int) -> None:
        """Gives bytes back."""
        with self._lock:
            self.held_bytes -= size


class Holding:
    """The bytes that one request holds, until `release`, after which it holds nothing any more."""

    __slots__ = ("_budget", "_is_over", "held_bytes")

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._is_over = False
        self.held_bytes = 0

    def grow(self, size: int) -> None:
        """Holds more. Raises `Refusal` when it is not to be had."""
        if size > 0 and not self._is_over:
            if self.held_bytes + size > self._budget.limit_bytes:
                self._budget.check(self.held_bytes + size)
            self._budget.take(size)
            self.held_bytes += size

    def shrink(self, size: int) -> None:
        """Holds less."""
        size = min(size, self.held_bytes)
        self.held_bytes -= size
        self._budget.give(size)

    def release(self) -> None:
        """Gives everything back, once; whoever still works on the request holds nothing more."""
        self._is_over = True
        self.shrink(self.held_bytes)


def bytes_of(arrays: Iterable[Array]) -> int:
    """What tensors take; an array of texts knows only what the places take that point to them."""
    return sum([array.size * BYTES_OF_A_STRING if array.dtype.hasobject else array.nbytes for array in arrays])


def expected_bytes(outputs: Sequence[TensorSpec], arrays: Sequence[Array]) -> int:
    """What a run will make of some inputs: what the shapes of outputs say; where one is free, as much as the inputs, all in all."""
    rows = arrays[0].shape[0] if arrays and arrays[0].ndim else 1
    known, is_free = 0, False
    for spec in outputs:
        if -1 in spec.shape[1:]:
            is_free = True
            continue
        size = BYTES_OF_A_STRING if spec.dtype.hasobject else spec.dtype.itemsize
        known += size * prod(rows if length == -1 else length for length in spec.shape)
    return known + is_free * bytes_of(arrays)


class MemoryWords:
    """Tells the budget at scrape."""

    part = "memory"

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget

    def tell(self, words: Words) -> None:
        """Adds its samples."""
        words.gauge("serin_memory_budget_bytes", self._budget.limit_bytes)
        words.gauge("serin_memory_held_bytes", self._budget.held_bytes)


def budget_bytes(asked: int, resident_bytes: int, processes: int = 1) -> int:
    """One process's budget: its share of what was asked for, else half of what its share of the container's limit leaves it."""
    if asked:
        return asked // processes
    limit = container_limit_bytes() // processes
    if not limit:
        return _WITHOUT_A_LIMIT // processes
    return min(max((limit - resident_bytes) // 2, _LEAST_BYTES), _MOST_BYTES)


def container_limit_bytes(files: tuple[Path, ...] = _CGROUP_LIMITS) -> int:
    """The memory limit of this container by its cgroup (version 2 or 1); 0 when there is none."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        # Version 1 writes a number near 2^63 for no limit.
        return int(text) if text.isdigit() and int(text) < 1 << 60 else 0
    return 0


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
