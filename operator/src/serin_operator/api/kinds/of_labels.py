"""Kinds that count labels, which come back as feedback."""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import AT, Bounded, Compared, Kind, Paired, Phrase
from serin_operator.api.kinds.of_pairs import AGREEMENT, ANSWERS, CONTROL
from serin_operator.api.kinds.of_requests import one_of
from serin_operator.api.kinds.reading import LABEL_ARM, Counter, PairReading, Shares, Told, above, quoted, spellings
from serin_operator.api.rule import Rule

ERROR_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
                       200.0, 500.0, 1000.0)  # fmt: skip
"""Bounds of the servers' histogram of a regression's absolute error."""
FAR: Final = "absoluteError"
AGE: Final = "age_le"
"""The label with the upper bound of a prediction's age."""
PREDICTIONS: Final = Counter("serin_signed_predictions_total")


class Accuracy(ApiModel):
    """Share of right predictions, canary against stable, from labels sent as feedback."""

    max_decrease: Annotated[
        float | None,
        Field(gt=0, lt=1, description="How much lower the canary's share may be, 0.01 = one point. Default 0.01."),
    ] = None
    minimum: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            description="Instead: the least share that the version must have by itself, 0.9 = 90 %, whatever stable has."
            " The one bound that a guard can keep without pairs.",
        ),
    ] = None
    paired: Annotated[
        Paired | None,
        Field(
            description="Whether labels of requests that both versions answered are judged in pairs: Auto beside all other"
            " labels, Require alone, Off not at all. Default: Auto where spec.analysis.pairing is given, else Off."
        ),
    ] = None


class AbsoluteError(ApiModel):
    """Share of a regression's predictions that are further from their label than a bound, canary against stable."""

    above: Annotated[
        float,
        Field(
            gt=0,
            le=ERROR_BOUNDS[-1],
            description="From which distance on a prediction is far off, in the label's unit; one of the bounds at which"
            f" pods count: {', '.join(f'{bound:g}' for bound in ERROR_BOUNDS)}.",
        ),
    ]
    max_increase: Annotated[
        float | None,
        Field(gt=0, lt=1, description="How much higher the canary's share may be. Default 0.01, one point."),
    ] = None


_NEEDS_REGRESSION: Final = Rule(
    "spec",
    "!has(self.analysis) || !self.analysis.metrics.exists(m, has(m.absoluteError)"
    " || (has(m.score) && has(m.score.of) && m.score.of != 'Label')) || (has(self.serving)"
    " && has(self.serving.prediction) && has(self.serving.prediction.kind)"
    " && self.serving.prediction.kind == 'Regression')",
    "absoluteError, and errors as a score, are for regressions: set serving.prediction.kind: Regression, or use accuracy for"
    " classes.",
    field=".analysis.metrics",
)


def _accuracy(asked: Accuracy) -> Compared | Bounded:
    phrase = Phrase("accuracy", "labels", "right", tells_good=True)
    if asked.minimum is not None:
        return Bounded(round(1 - asked.minimum, 12), phrase)
    return Compared(asked.max_decrease or 0.01, phrase)


def _arm(told: Sequence[Told]) -> tuple[int, int]:
    return round(told[0].get("wrong", 0)), round(sum(told[0].values()))


def _sliced(_asked: Accuracy, by: str) -> Shares:
    where = (f"attribute={quoted(by)}",)
    told = Counter("serin_sliced_feedback_total", "outcome", where, LABEL_ARM, comes_late=True, slices_by="slice")
    return Shares((told,), _arm, noun="labels", age=AGE)


def _far(told: Sequence[Told]) -> tuple[int, int]:
    return round(told[0].get("far", 0)), round(sum(told[0].values()))


def _far_in_slices(asked: AbsoluteError, by: str) -> Shares:
    where = (f"attribute={quoted(by)}", f"above={quoted(f'{asked.above:.12g}')}")
    told = Counter(
        "serin_sliced_feedback_errors_total", "outcome", where, LABEL_ARM, comes_late=True, slices_by="slice"
    )
    return Shares((told,), _far, noun="labels", age=AGE)


KINDS: Final = (
    Kind(
        field="accuracy",
        usual=0.1,
        needs_clients=True,
        spec=Accuracy,
        says="Share of right predictions, from labels sent back as feedback.",
        question="Is it wrong more often? (classes, or a regression within serving.prediction.tolerance)",
        rests_on="Labels of both versions' predictions, missing independently of the version.",
        example={"maxDecrease": 0.01},
        reads=lambda _asked: Shares(
            (Counter("serin_feedback_total", "outcome", arm=LABEL_ARM),),
            _arm,
            noun="labels",
            age=AGE,
            comes="they come back as feedback, with the token of each answer",
            clients=Counter("serin_feedback_client_sums_total", "sum", arm=LABEL_ARM, comes_late=True),
            predictions=PREDICTIONS,
        ),
        judged=_accuracy,
        slices=_sliced,
        pairs=PairReading(
            Counter("serin_paired_feedback_total", "pair", arm=LABEL_ARM, comes_late=True, against=CONTROL),
            "only_canary_wrong",
            "only_control_wrong",
            age=AGE,
            agreement=AGREEMENT,
            answers=ANSWERS,
        ),
        rules=(
            Rule(
                f"{AT}.accuracy",
                "!has(self.minimum) || !has(self.maxDecrease)",
                "maxDecrease compares with stable, and minimum with a number: make them two metrics.",
                field=".minimum",
            ),
            Rule(
                f"{AT}.accuracy",
                "!has(self.minimum) || !has(self.paired) || self.paired == 'Off'",
                "minimum is asked of the version alone: remove paired.",
                field=".paired",
            ),
            Rule(
                "spec.analysis",
                "has(self.pairing) || !self.metrics.exists(m, has(m.accuracy) && has(m.accuracy.paired)"
                " && m.accuracy.paired == 'Require')",
                "There are no pairs without spec.analysis.pairing: add {sample: 0.1}, or say paired: Auto.",
                field=".metrics",
            ),
        ),
    ),
    Kind(
        field=FAR,
        usual=0.1,
        needs_clients=True,
        spec=AbsoluteError,
        says="Share of a regression's predictions that are further from their label than a bound.",
        question="Is a regression far off more often?",
        rests_on="Labels as for accuracy, and serving.prediction.kind: Regression in both versions.",
        example={"above": 10, "maxIncrease": 0.01},
        beside=("serving: {prediction: {kind: Regression}}",),
        reads=lambda asked: Shares(
            (
                Counter(
                    "serin_feedback_absolute_error",
                    "le",
                    (f'le=~"{spellings(asked.above)}"',),
                    LABEL_ARM,
                    is_bound=True,
                    comes_late=True,
                ),
            ),
            above(asked.above),
            noun="labels",
            age=AGE,
            predictions=PREDICTIONS,
            lacks="pods count distances with serving.prediction.kind: Regression only",
        ),
        judged=lambda asked: Compared(
            asked.max_increase or 0.01, Phrase("far", "labels", f"off by more than {asked.above:g}")
        ),
        slices=_far_in_slices,
        rules=(one_of(f"{AT}.absoluteError.above", ERROR_BOUNDS, "distances"), _NEEDS_REGRESSION),
    ),
)
