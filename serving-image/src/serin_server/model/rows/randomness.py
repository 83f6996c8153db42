"""Random numbers that are the same at every load, without numpy's generators (a tenth of the time to be ready)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Randomness:
    """SplitMix64 (Steele, Lea and Flood, 2014) over a counter."""

    def __init__(self, seed: int = 20) -> None:
        self._next = seed

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Numbers from -2 to 2."""
        return (self._bits(shape) >> np.uint64(11)).astype(np.float64) * (4.0 / (1 << 53)) - 2.0

    def below(self, limit: int, shape: tuple[int, ...]) -> NDArray[Any]:
        """Integers from 0 to one less than a limit."""
        return (self._bits(shape) % np.uint64(limit)).astype(np.int64)

    def _bits(self, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        count = int(np.prod(shape))
        bits = np.arange(self._next, self._next + count, dtype=np.uint64)
        self._next += count
        with np.errstate(over="ignore"):
            bits *= np.uint64(0x9E3779B97F4A7C15)
            bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (bits ^ (bits >> np.uint64(31))).reshape(shape)
