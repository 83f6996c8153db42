"""Keeps what went through for a moment and counts it in one go: a run pays for two references.

Everything is bounded: so many rows and bytes wait, what does not fit is dropped and counted as dropped.
"""

import asyncio
from typing import Final

import numpy as np

from serin_server.baseline import Baseline
from serin_server.features.binning import BinnedFeature
from serin_server.features.table import NumericTable
from serin_server.model.predictions import PredictionReader
from serin_server.model.tensors import Array, Signature

_BATCH_ROWS: Final = 512
_MOST_BYTES: Final = 8 << 20
_TOO_LARGE_BYTES: Final = 1 << 20


class FeatureCapture:
    """Histograms of the features and predictions of one model."""

    def __init__(
        self,
        baseline: Baseline,
        signature: Signature,
        predictions: PredictionReader,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        positions = {spec.name: position for position, spec in enumerate(signature.inputs)}
        self.features = [
            (positions[about.tensor], BinnedFeature(about)) for about in baseline.features if about.tensor in positions
        ]
        self._by_input: dict[int, list[BinnedFeature]] = {}
        for position, feature in self.features:
            self._by_input.setdefault(position, []).append(feature)
        self._tables = {
            position: NumericTable(numeric)
            for position, features in self._by_input.items()
            if (numeric := [feature for feature in features if not feature.distribution.is_categorical])
        }
        self.prediction = BinnedFeature(baseline.prediction) if baseline.prediction else None
        self.dropped = 0
        self._predictions = predictions
        self._loop = loop
        self._waiting: list[tuple[list[Array], list[Array]]] = []
        self._bytes = self._rows = 0
        self._is_scheduled = False

    def observe(self, arrays: list[Array], outputs: list[Array]) -> None:
        """Remembers the inputs and outputs of one run, of one request or of many."""
        size = 0
        for array in arrays:
            size += array.nbytes
        if size > _TOO_LARGE_BYTES or self._bytes + size > _MOST_BYTES:
            self.dropped += 1
            return
        self._bytes += size
        self._rows += len(arrays[0]) if arrays and arrays[0].ndim else 1
        self._waiting.append((arrays, outputs))
        if self._rows >= _BATCH_ROWS and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self.aggregate)

    def aggregate(self) -> None:
        """Counts everything that waits; also called before a scrape."""
        waiting, self._waiting = self._waiting, []
        self._bytes = self._rows = 0
        self._is_scheduled = False
        if not waiting:
            return
        for position, features in self._by_input.items():
            self._count(position, features, [arrays[position] for arrays, _ in waiting])
        if self.prediction is not None:
            told = [value for _, outputs in waiting if outputs for value in self._predictions.read(outputs)]
            if told:
                self.prediction.add(np.array(told, dtype=object if isinstance(told[0], str) else None))

    def _count(self, position: int, features: list[BinnedFeature], arrays: list[Array]) -> None:
        rows = [
            array if array.ndim == 2 else array.reshape(array.shape[0] if array.ndim else 1, -1)
            for array in arrays
            if array.size
        ]
        if not rows:
            return
        width = rows[0].shape[1]
        if any([row.shape[1] != width for row in rows]):  # sequences of several lengths have no columns in common
            self.dropped += len(rows)
            return
        table = np.concatenate(rows)
        numeric = self._tables.get(position)
        if numeric is not None and numeric.width <= width:
            numeric.add(table)
        for feature in features:
            column = feature.distribution.column or 0
            if feature.distribution.is_categorical and column < width:
                feature.add(table[:, column])
