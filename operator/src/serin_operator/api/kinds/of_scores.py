"""The kind that judges the mean of a bounded number, which labels bring or which follows from them."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import nan
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import AT, Bounded, Compared, Kind, Phrase
from serin_operator.api.kinds.of_labels import AGE, PREDICTIONS
from serin_operator.api.kinds.reading import LABEL_ARM, Counter, Shares, Told, quoted
from serin_operator.api.rule import Rule

SCORE: Final = "score"


class ScoreOf(StrEnum):
    """What a score is made of."""

    LABEL = "Label"
    SQUARED_ERROR = "SquaredError"
    ABSOLUTE_ERROR = "AbsoluteError"


_MADE_OF: Final = {
    ScoreOf.LABEL: "label",
    ScoreOf.SQUARED_ERROR: "squared_error",
    ScoreOf.ABSOLUTE_ERROR: "absolute_error",
}
"""As pods spell it."""

_SAID: Final = {
    ScoreOf.LABEL: "mean",
    ScoreOf.SQUARED_ERROR: "mean squared error",
    ScoreOf.ABSOLUTE_ERROR: "mean absolute error",
}


class Score(ApiModel):
    """Mean of a bounded number of each prediction, canary against stable in the same minutes."""

    between: Annotated[
        list[float],
        Field(
            min_length=2,
            max_length=2,
            description="Its range, [0, 1]; what is beyond counts as its end. The narrower, the fewer labels.",
        ),
    ]
    of: Annotated[
        ScoreOf | None,
        Field(description="Label (default): `score` of a row of feedback. Else the error of a regression."),
    ] = None
    max_increase: Annotated[float | None, Field(gt=0, description="Less is better; in the score's unit.")] = None
    max_decrease: Annotated[float | None, Field(gt=0, description="More is better.")] = None
    minimum: Annotated[float | None, Field(description="Instead: the least mean of the version alone.")] = None
    maximum: Annotated[float | None, Field(description="Likewise.")] = None

    @property
    def ends(self) -> tuple[float, float]:
        """Its range."""
        low, high = self.between
        return low, high

    @property
    def made_of(self) -> str:
        """What it is made of, as pods spell it."""
        return _MADE_OF[self.of or ScoreOf.LABEL]

    @property
    def more_is_better(self) -> bool:
        """Which direction is better, by what is asked."""
        return self.max_decrease is not None or self.minimum is not None


def _judged(asked: Score) -> Compared | Bounded:
    low, high = asked.ends
    width = high - low if high > low else nan
    better = "more" if asked.more_is_better else "less"
    key = f"score {asked.made_of} {low:.12g} to {high:.12g}, {better} is better"
    phrase = Phrase(key, "scores", _SAID[asked.of or ScoreOf.LABEL], asked.more_is_better, (low, high))
    if asked.minimum is not None:
        return Bounded(round((high - asked.minimum) / width, 12), phrase)
    if asked.maximum is not None:
        return Bounded(round((asked.maximum - low) / width, 12), phrase)
    return Compared(round((asked.max_increase or asked.max_decrease or 0) / width, 12), phrase)


def _arm(*, more_is_better: bool) -> Callable[[Sequence[Told]], tuple[int, int]]:
    """Of the coins that fell for the scores of a version, those that fell on the worse side."""

    def arm(told: Sequence[Told]) -> tuple[int, int]:
        high, total = round(told[0].get("high", 0) + told[0].get("above", 0)), round(sum(told[0].values()))
        return (total - high if more_is_better else high), total

    return arm


def _where(asked: Score) -> tuple[str, ...]:
    low, high = asked.ends
    return f"of={quoted(asked.made_of)}", f"between={quoted(f'{low:.12g} to {high:.12g}')}"


def _sliced(asked: Score, by: str) -> Shares:
    where = (f"attribute={quoted(by)}", *_where(asked))
    told = Counter(
        "serin_sliced_feedback_scores_total", "outcome", where, LABEL_ARM, comes_late=True, slices_by="slice"
    )
    return Shares((told,), _arm(more_is_better=asked.more_is_better), noun="scores", age=AGE)


def _reads(asked: Score) -> Shares:
    where = _where(asked)
    return Shares(
        (Counter("serin_feedback_scores_total", "outcome", where, LABEL_ARM, comes_late=True),),
        _arm(more_is_better=asked.more_is_better),
        noun="scores",
        age=AGE,
        clients=Counter("serin_feedback_score_client_sums_total", "sum", where, LABEL_ARM, comes_late=True),
        predictions=PREDICTIONS,
        lacks="pods count scores of this range from the next version on, and rows of feedback must bring them"
        if asked.of in (None, ScoreOf.LABEL)
        else "pods count errors from the next version on, and with serving.prediction.kind: Regression only",
    )


_ASKED: Final = ("maxIncrease", "maxDecrease", "minimum", "maximum")
_LESS: Final = "has(self.maxIncrease) || has(self.maximum)"

KINDS: Final = (
    Kind(
        field=SCORE,
        usual=0.5,  # where most labels are needed
        needs_clients=True,
        spec=Score,
        says="Mean of a bounded number that labels bring, or of a regression's error.",
        question="Is a number worse on average: a rating, a profit, a Brier score?",
        rests_on="Feedback as for accuracy, whose rows bring a number `score`, with a label or without. Each score counts as a coin that falls"
        " by its place in the range, so the mean is judged exactly, at the price of a coin's variance.",
        example={"between": [0, 1], "maxDecrease": 0.01},
        reads=_reads,
        judged=_judged,
        slices=_sliced,
        rules=(
            Rule(
                f"{AT}.score",
                f"[{', '.join(f'has(self.{one})' for one in _ASKED)}].filter(one, one).size() == 1"
                f" && (!has(self.of) || self.of == 'Label' || {_LESS})",
                "Give one: maxDecrease or minimum (more is better), maxIncrease or maximum (less is, as of errors).",
            ),
            Rule(
                f"{AT}.score",
                "self.between[0] < self.between[1]",
                "Give the lower end first: between: [0, 1].",
                field=".between",
            ),
        ),
    ),
)
