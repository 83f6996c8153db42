"""How quick this machine is just now: a fixed piece of work, so that times of two Jobs can be laid side by side, roughly."""

from statistics import median
from time import thread_time
from typing import Final

import numpy as np

_SIZE, _TIMES = 1 << 16, 25
UNSURE: Final = 1.2
"""Nodes differ in more than one number: a ratio of times from two Jobs may be off by so much, either way."""


def calibration_seconds() -> float:
    """The median CPU time of one thread's arithmetic, sorting and copying, about a tenth of a second in all."""
    numbers = np.random.default_rng(0).random(_SIZE)
    took = []
    for _ in range(_TIMES):
        began = thread_time()
        np.sort(numbers)
        np.tanh(numbers * 1.5 + 0.25)
        took.append(thread_time() - began)
    return median(took)
