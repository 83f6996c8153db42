"""Counts values in the bins of a baseline, many rows at once."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serin_server.baseline import Distribution
from serin_server.model.tensors import Array

INVALID: Final = ("nan", "out_of_range", "unknown")


class BinnedFeature:
    """Counts of one feature (or of the prediction) since the process started."""

    __slots__ = ("_codes", "_edges", "counts", "distribution", "invalid")

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution
        self.counts: NDArray[np.int64] = np.zeros(len(distribution.counts), np.int64)
        self.invalid = dict.fromkeys(INVALID, 0)
        self._edges = np.array(distribution.edges)
        self._codes = {value: code for code, value in enumerate(distribution.categories)}

    def add(self, values: Array) -> None:
        """Counts a column of values."""
        if self.distribution.is_categorical:
            self._add_categories(values.tolist())
        else:
            self._add_numbers(values)

    def _add_numbers(self, values: Array) -> None:
        numbers = values.astype(np.float64)
        finite = np.isfinite(numbers)
        if not finite.all():
            self.invalid["nan"] += int(len(numbers) - finite.sum())
            numbers = numbers[finite]
        places = np.searchsorted(self._edges, numbers, side="left")
        self.counts += np.bincount(places, minlength=len(self.counts))
        about = self.distribution
        # Training kept float64, the model gets float32: a value at the border is not out of range for its rounding.
        slack = 1e-6 * max(abs(about.least), abs(about.most))
        outside = (numbers < about.least - slack) | (numbers > about.most + slack)
        self.invalid["out_of_range"] += int(outside.sum())

    def _add_categories(self, values: Sequence[object]) -> None:
        codes, other = self._codes, len(self.counts) - 1
        for value in values:
            code = codes.get(value, other)  # type: ignore[call-overload]
            self.counts[code] += 1
            if code == other:
                self.invalid["unknown"] += 1
