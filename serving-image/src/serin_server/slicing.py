"""Slices of the traffic by which labels are counted: what belongs to which, by names that the operator asks for.

A slice is a value that was listed, or what lies between two cuts. So there are never more series than somebody listed, and no value
that nobody listed is ever told.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite, isnan
from typing import Any, Final

import msgspec

Told = int | float | str | bool

OTHER: Final = "(other)"
"""Of rows whose value is none of those that are asked for."""
MISSING: Final = "(missing)"
"""Of rows of which nothing is known."""
MOST: Final = 64
"""Slices that one server counts."""
MOST_BOUNDS: Final = 20
"""Distances above which labels are counted by slice: as many as a spec may have metrics."""
_LONGEST: Final = 253


@dataclass(frozen=True, slots=True)
class Slicing:
    """One way to slice.

    Args:
        by: Name of a feature of the model, or of an attribute that comes with labels.
        values: The values that are slices.
        cuts: Instead, ascending: slices are up to the first, between each two, and above the last. A value on a cut lies below it.
    """

    by: str
    values: tuple[str, ...] = ()
    cuts: tuple[float, ...] = ()

    names: tuple[str, ...] = field(init=False)
    """Of its slices, in order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", _names(self.cuts) if self.cuts else self.values)

    def slice_of(self, value: Told) -> str:
        """The slice in which a value lies."""
        if not self.cuts:
            name = spelled(value)
            return name if name in self.values else OTHER
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return OTHER
        return OTHER if isnan(number) else self.names[bisect_left(self.cuts, number)]


def _names(cuts: Sequence[float]) -> tuple[str, ...]:
    told = [f"{cut:.12g}" for cut in cuts]
    return (f"<={told[0]}", *(f"{low} to {high}" for low, high in pairwise(told)), f">{told[-1]}")


def spelled(value: Told) -> str:
    """A value as people list it: 1 for 1.0, true for True."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    by: str
    values: list[str] = []
    cuts: list[float] = []


def slicings_in(text: str) -> tuple[Slicing, ...]:
    """Slicings as settings hold them, a JSON list of `{by, values}` and `{by, cuts}`. Raises `ValueError` with what is wrong."""
    try:
        asked = msgspec.json.decode(text or "[]", type=list[_Asked])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    slicings = tuple(dict.fromkeys(Slicing(one.by, tuple(one.values), tuple(one.cuts)) for one in asked))
    for problem in _problems(slicings):
        raise ValueError(problem)
    return slicings


def _problems(slicings: Sequence[Slicing]) -> Iterator[str]:
    for one in slicings:
        if not 0 < len(one.by) <= _LONGEST:
            yield f"by={one.by[:60]!r} is no name: give a feature of the model, or an attribute of labels"
        if bool(one.values) == bool(one.cuts):
            yield f"{one.by!r} needs either values or cuts"
        if any(not name or len(name) > _LONGEST or name in (OTHER, MISSING) for name in one.values):
            yield f"{one.by!r} has a value that is empty, too long, or taken: {OTHER} and {MISSING} are"
        if len(set(one.values)) < len(one.values):
            yield f"{one.by!r} lists a value twice"
        if not all(map(isfinite, one.cuts)) or list(one.cuts) != sorted(set(one.cuts)):
            yield f"the cuts of {one.by!r} do not ascend"
        if len({f"{cut:.12g}" for cut in one.cuts}) < len(one.cuts):
            yield f"two cuts of {one.by!r} are the same in twelve digits"
    if (number := sum(len(one.names) for one in slicings)) > MOST:
        yield f"{number} slices are more than the {MOST} that one server counts"


def bounds_in(text: str) -> tuple[float, ...]:
    """Distances as settings hold them, a JSON list of numbers. Raises `ValueError` with what is wrong."""
    try:
        bounds = tuple(dict.fromkeys(msgspec.json.decode(text or "[]", type=list[float])))
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    if any(not (isfinite(bound) and bound > 0) for bound in bounds):
        raise ValueError("a distance is a number above 0")
    if len(bounds) > MOST_BOUNDS:
        raise ValueError(f"{len(bounds)} distances are more than the {MOST_BOUNDS} that one server counts")
    return bounds


class OfRows(msgspec.Struct, array_like=True):
    """In which slices the rows of one request lie, as a token says it: `codes` are places in `names`, one a row."""

    by: str
    names: list[str]
    codes: list[int]

    def name(self, row: int) -> str:
        """The slice of a row; empty for a row that it does not know."""
        place = self.codes[row] if row < len(self.codes) else -1
        return self.names[place] if 0 <= place < len(self.names) else ""


def slices_of(
    slicings: Sequence[Slicing], signed: Sequence[OfRows], row: int, attributes: dict[str, Any]
) -> set[tuple[str, str]]:
    """The slices in which a row lies, by what is sliced by: what its token says, or else what came with its label."""
    return {(one.by, _slice_of(one, signed, row, attributes)) for one in slicings}


def _slice_of(slicing: Slicing, signed: Sequence[OfRows], row: int, attributes: dict[str, Any]) -> str:
    told = [each.name(row) for each in signed if each.by == slicing.by]
    if told:
        return next((name for name in told if name in slicing.names), OTHER)
    value = attributes.get(slicing.by)
    return MISSING if value is None else slicing.slice_of(value)
