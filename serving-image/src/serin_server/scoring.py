"""Scores: bounded numbers that labels bring, or that follow from them, by which predictions are counted.

A score s of the range low to high counts as `high` with probability (s - low) / (high - low), and as `low` otherwise: a coin decides. So the
share of `high` has the mean of the scores as its mean, exactly, and what is left are counts, to which all tests of proportions apply. What
lies beyond the range counts as its end, and is told apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Final

import msgspec

MOST: Final = 20
"""Scores that one server counts."""


class Of(StrEnum):
    """What a score is made of."""

    LABEL = "label"
    """It comes with the label."""
    SQUARED_ERROR = "squared_error"
    ABSOLUTE_ERROR = "absolute_error"


@dataclass(frozen=True, slots=True)
class Score:
    """One score that is counted.

    Args:
        of: What it is made of.
        low: The lower end of its range.
        high: The upper end.
    """

    of: Of
    low: float
    high: float

    between: str = field(init=False)
    """The range as metrics and the operator spell it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "between", f"{self.low:.12g} to {self.high:.12g}")

    def value(self, told: float | None, off_by: float | None) -> float | None:
        """The score of a prediction; None where it has none.

        Args:
            told: What came with the label.
            off_by: How far the prediction was from its label, of a regression.
        """
        match self.of:
            case Of.LABEL:
                return told
            case Of.ABSOLUTE_ERROR:
                return off_by
            case Of.SQUARED_ERROR:  # 1e290 squared is no float, and beyond every range
                return None if off_by is None else min(off_by, 1e150) ** 2

    def outcome(self, value: float, coin: Callable[[], float]) -> str:
        """As what a value counts; `coin` is uniform between 0 and 1, below 1."""
        if value < self.low:
            return "below"
        if value > self.high:
            return "above"
        place = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)  # halves, whose difference is a float
        return "high" if coin() < place else "low"


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    between: tuple[float, float]
    of: Of = Of.LABEL


def scores_in(text: str) -> tuple[Score, ...]:
    """Scores as settings hold them, a JSON list of `{of, between: [low, high]}`. Raises `ValueError` with what is wrong."""
    try:
        asked = msgspec.json.decode(text or "[]", type=list[_Asked])
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    scores = tuple({(one.of, one.between): one for one in (Score(each.of, *each.between) for each in asked)}.values())
    for problem in _problems(scores):
        raise ValueError(problem)
    return scores


def _problems(scores: Sequence[Score]) -> Iterator[str]:
    for one in scores:
        if not (isfinite(one.low) and isfinite(one.high) and one.low / 2 < one.high / 2):
            yield f"between [{one.low:g}, {one.high:g}] is no range: give its lower end and its upper end"
    if len(scores) > MOST:
        yield f"{len(scores)} scores are more than the {MOST} that one server counts"
