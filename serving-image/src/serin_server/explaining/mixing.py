"""Rows between two rows: the inputs of the model where some features are one row's and the others another's.

A feature is one element of a row: a column of a table, be it a number, a flag or a text. Nothing is done to values but
choosing between them, so whatever type a feature has, it can be explained.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from serin_server.model.tensors import Array, TensorSpec
from serin_server.refusals import Kind, Refusal


class Mixer:
    """Mixes one row with the rows of a background; `features` are counted over all inputs, in their order."""

    def __init__(self, inputs: Sequence[TensorSpec], row: Sequence[Array], background: Sequence[Array]) -> None:
        """Each tensor of `row` has one row, each of `background` as many as the others.

        Raises `Refusal` where they have different sizes.
        """
        for spec, own, other in zip(inputs, row, background, strict=True):
            if own.shape[1:] != other.shape[1:]:
                raise Refusal(
                    Kind.UNEXPLAINABLE,
                    f"input {spec.name!r}: a row of the background has shape {list(other.shape[1:])}, and this one has "
                    f"{list(own.shape[1:])}: send rows of the background's sizes",
                )
        self._names = [spec.name for spec in inputs]
        self._row = [each.reshape(1, -1) for each in row]
        self._background = [each.reshape(len(each), -1) for each in background]
        self._shapes = [each.shape[1:] for each in row]
        ends = list(accumulate(each.shape[1] for each in self._row))
        self._parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        self.features = ends[-1]

    def feed(self, masks: NDArray[np.bool_], rows: NDArray[np.int64]) -> dict[str, Array]:
        """Inputs of the model, a row a mask: the explained row's where it is true, those of background rows elsewhere."""
        return {
            name: np.where(masks[:, part], own, other[rows]).reshape(-1, *shape)
            for name, part, own, other, shape in zip(
                self._names, self._parts, self._row, self._background, self._shapes, strict=True
            )
        }
