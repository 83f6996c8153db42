"""What features are called: as the baseline calls them, else by their input and column."""

from collections.abc import Sequence

from serin_server.baseline import Baseline
from serin_server.model.tensors import Array, TensorSpec


def feature_names(inputs: Sequence[TensorSpec], background: Sequence[Array], baseline: Baseline | None) -> list[str]:
    """A name for each element of a row, over all inputs in their order."""
    known = {(each.tensor, each.column): each.name for each in (baseline.features if baseline else ())}
    names: list[str] = []
    for spec, array in zip(inputs, background, strict=True):
        size = array[0].size
        columns: Sequence[int | None] = [None] if size == 1 else range(size)
        names += [known.get((spec.name, at), spec.name if at is None else f"{spec.name}[{at}]") for at in columns]
    return names
