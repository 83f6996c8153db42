"""Slices of the traffic: a metric is judged in each of them for itself, beside the whole."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import AT
from serin_operator.api.rule import Rule

MOST_SLICES: Final = 32
"""Of all metrics of one resource: each is remembered, and told in status."""
_EACH: Final = 16
_NAME: Final = Field(min_length=1, max_length=63)


class Slices(ApiModel):
    """Slices by an attribute of labels, or a feature of the model."""

    by: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="An input of the model (by its name in baseline.json, as x or x[3]), else an attribute that comes with"
            " labels.",
        ),
    ]
    values: Annotated[
        list[Annotated[str, _NAME]] | None,
        Field(
            min_length=1, max_length=_EACH, description="The slices; all other values are judged in the whole alone."
        ),
    ] = None
    cuts: Annotated[
        list[float] | None,
        Field(min_length=1, max_length=_EACH - 1, description="Instead, of numbers: bounds between slices, ascending."),
    ] = None
    min_samples: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000_000,
            description="Canary labels that each slice needs in each step. Default 100, or fewer"
            " where its metric needs fewer.",
        ),
    ] = None

    @property
    def names(self) -> tuple[str, ...]:
        """The slices in order, as pods spell them."""
        if not self.cuts:
            return tuple(self.values or ())
        told = _spelled(self.cuts)
        return (f"<={told[0]}", *(f"{low} to {high}" for low, high in pairwise(told)), f">{told[-1]}")

    @property
    def are_told_apart(self) -> bool:
        """Whether no two cuts are the same as pods spell them."""
        told = _spelled(self.cuts or ())
        return len(set(told)) == len(told)


def _spelled(cuts: Iterable[float]) -> list[str]:
    return [f"{cut:.12g}" for cut in cuts]


SLICE_RULES: Final = (
    Rule(
        f"{AT}.slices",
        "has(self.values) != has(self.cuts)",
        "Name the slices: values: [north, south], or cuts: [30, 60] of a number. Pods count no others.",
    ),
    Rule(
        f"{AT}.slices",
        "!has(self.values) || self.values.all(v, !v.startsWith('(') && self.values.exists_one(w, w == v))",
        "Each value stands there once, and begins with no parenthesis.",
        field=".values",
    ),
    Rule(
        f"{AT}.slices",
        "!has(self.cuts) || self.cuts.isSorted() && self.cuts.all(c, self.cuts.exists_one(d, d == c))",
        "Cuts ascend: [30, 60], each once.",
        field=".cuts",
    ),
    Rule(
        "spec.analysis",
        "self.metrics.filter(m, has(m.slices)).map(m, has(m.slices.values) ? m.slices.values.size() : has(m.slices.cuts)"
        f" ? m.slices.cuts.size() + 1 : 0).sum() <= {MOST_SLICES}",
        f"All metrics together have at most {MOST_SLICES} slices: leave some out, or join them.",
        field=".metrics",
    ),
)
