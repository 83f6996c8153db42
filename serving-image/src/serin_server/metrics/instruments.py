"""Counters and histograms as plain lists and dicts: counting is one list index, words are made at scrape."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, isnan
from typing import Final

LATENCY_BOUNDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
    0.75, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Upper bounds in seconds. Fine around the bounds that people set as objectives, since the operator can only count
requests slower than one of these."""
BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """Counts of values by upper bound, their sum, and nothing else."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Counts one value in the first bucket whose upper bound is not below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Counter:
    """Counts by the values of its labels; a key that exists is exported, be it 0."""

    __slots__ = ("labels", "values")

    def __init__(self, labels: Sequence[str], known: Iterable[tuple[str, ...]] = ()) -> None:
        self.labels = tuple(labels)
        self.values: dict[tuple[str, ...], float] = dict.fromkeys(known, 0)

    def add(self, *key: str, amount: float = 1) -> None:
        """Adds to the series of these label values, in the order of `labels`."""
        self.values[key] = self.values.get(key, 0) + amount


def escaped(value: str) -> str:
    """A label's value as the exposition format writes it."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def label_text(labels: Mapping[str, str]) -> str:
    """Labels as `name="value",…`, without braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())


def number(value: float) -> str:
    """A number as the exposition format writes it."""
    if isfinite(value):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
    return "NaN" if isnan(value) else "+Inf" if value > 0 else "-Inf"
