"""Counts all numeric columns of one input at once: a few numpy calls a batch, however many features there are."""

from collections.abc import Sequence

import numpy as np

from serin_server.features.binning import BinnedFeature
from serin_server.model.tensors import Array


class NumericTable:
    """The numeric features of one input, their edges side by side (filled up with infinity, which nothing exceeds)."""

    def __init__(self, features: Sequence[BinnedFeature]) -> None:
        self._features = features
        about = [feature.distribution for feature in features]
        self.columns = np.array([each.column or 0 for each in about])
        self.width = int(self.columns.max()) + 1
        most = max(len(each.edges) for each in about)
        self._edges = np.full((len(about), most), np.inf)
        for place, each in enumerate(about):
            self._edges[place, : len(each.edges)] = each.edges
        self._bins = most + 1
        self._offsets = np.arange(len(about)) * self._bins
        # Training kept float64, the model gets float32: a value at the border is not out of range for its rounding.
        least, most_seen = np.array([each.least for each in about]), np.array([each.most for each in about])
        slack = 1e-6 * np.maximum(np.abs(least), np.abs(most_seen))
        self._least, self._most = least - slack, most_seen + slack

    def add(self, table: Array) -> None:
        """Counts rows, given as a matrix of all columns of the input."""
        values = table[:, self.columns].astype(np.float64)
        codes = np.zeros(values.shape, np.int64)
        for column in self._edges.T:
            codes += values > column
        codes += self._offsets
        finite = np.isfinite(values)
        outside = ((values < self._least) | (values > self._most)) & finite
        counted = codes.ravel() if finite.all() else codes[finite]
        counts = np.bincount(counted, minlength=len(self._offsets) * self._bins).reshape(-1, self._bins)
        bad, far = (len(values) - finite.sum(axis=0)).tolist(), outside.sum(axis=0).tolist()
        for place, feature in enumerate(self._features):
            feature.counts += counts[place, : len(feature.counts)]
            feature.invalid["nan"] += bad[place]
            feature.invalid["out_of_range"] += far[place]
