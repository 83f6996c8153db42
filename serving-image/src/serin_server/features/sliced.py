"""In which slices the rows of a request lie, by the features that the model was asked with."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from serin_server.baseline import Baseline
from serin_server.model.tensors import Array, Signature
from serin_server.slicing import OfRows, Slicing


class Column(NamedTuple):
    """Where a feature stands: in which input, and in which column of its rows."""

    position: int
    column: int


class FeatureSlices:
    """Looks features up by the names of the baseline, or else of the inputs: `age` of the baseline, `x` or `x[3]` of the model."""

    __slots__ = ("_found",)

    def __init__(self, slicings: Iterable[Slicing], signature: Signature, baseline: Baseline | None) -> None:
        columns = columns_of(signature, baseline)
        self._found = [(one, columns[one.by]) for one in slicings if one.by in columns]

    @property
    def names(self) -> frozenset[str]:
        """What is sliced by and is a feature of this model."""
        return frozenset(slicing.by for slicing, _ in self._found)

    def of(self, arrays: Sequence[Array], rows: int) -> list[OfRows]:
        """The slices of so many rows; nothing of an input that has not one row for each of them."""
        told = []
        for slicing, (position, column) in self._found:
            array = arrays[position] if position < len(arrays) else None
            if array is None or not array.ndim or len(array) != rows:
                continue
            table = array.reshape(rows, -1)
            if column < table.shape[1]:
                told.append(_of_rows(slicing, table[:, column].tolist()))
        return told


def columns_of(signature: Signature, baseline: Baseline | None) -> dict[str, Column]:
    """Every feature that has a name, by it. One of the baseline comes before an input that is called alike."""
    positions = {spec.name: place for place, spec in enumerate(signature.inputs)}
    found: dict[str, Column] = {}
    for spec in signature.inputs:
        width = 1
        for size in spec.shape[1:]:
            width *= size
        if width == 1:
            found[spec.name] = Column(positions[spec.name], 0)
        elif width > 1:
            found.update({f"{spec.name}[{number}]": Column(positions[spec.name], number) for number in range(width)})
    for about in baseline.features if baseline else ():
        if about.tensor in positions:
            found[about.name] = Column(positions[about.tensor], about.column or 0)
    return found


def _of_rows(slicing: Slicing, values: list[Any]) -> OfRows:
    names = [slicing.slice_of(_text(value)) for value in values]
    known = list(dict.fromkeys(names))
    places = {name: place for place, name in enumerate(known)}
    return OfRows(slicing.by, known, [places[name] for name in names])


def _text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
