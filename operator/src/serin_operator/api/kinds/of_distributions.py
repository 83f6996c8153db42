"""Kinds that compare distributions, in the bins of a model's baseline."""

from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.kind import Drifting, Kind, Mode
from serin_operator.api.kinds.reading import Bins, Counter, quoted

_Max = Annotated[
    float | None,
    Field(gt=0, le=100, description="Largest population stability index: 0.1 is little, 0.25 is much. Default 0.2."),
]
_DEFAULT_MAX: Final = 0.2


class PredictionDrift(ApiModel):
    """How far the canary's predictions are distributed otherwise than stable's, on the same traffic."""

    max: _Max = None


class InputDrift(ApiModel):
    """How far the values of a feature are distributed otherwise than in the canary's training data."""

    feature: Annotated[
        str, Field(min_length=1, max_length=253, description="Name of the feature in the model's baseline.json.")
    ]
    max: _Max = None


def _inputs(asked: InputDrift) -> Bins:
    where = (f"feature={quoted(asked.feature)}",)
    return Bins(
        (
            Counter("serin_feature_values_total", "bin", where, comes_late=True),
            Counter("serin_baseline_feature_rows", "bin", where, is_level=True),
        ),
        lacks=f"the canary's baseline.json has no feature {asked.feature!r}, or there is no baseline",
    )


KINDS: Final = (
    Kind(
        field="predictionDrift",
        spec=PredictionDrift,
        says="Population stability index of the canary's predictions against stable's; it carries no error rate.",
        question="Does it predict something else than stable, before any label is there?",
        rests_on="A baseline.json with the same bins of the prediction beside both models. Other predictions may be better"
        " ones: use Warn where a change is meant.",
        example={"max": 0.2},
        reads=lambda _asked: Bins(
            (Counter("serin_prediction_values_total", "bin", comes_late=True),),
            lacks="both versions need a baseline.json with the distribution of the prediction",
        ),
        judged=lambda asked: Drifting(asked.max or _DEFAULT_MAX),
    ),
    Kind(
        field="inputDrift",
        spec=InputDrift,
        says="Population stability index of a feature's values against the training data; it only warns.",
        question="Has the world moved away from what the new version was trained on?",
        rests_on="A baseline.json with that feature. Both versions see the same inputs, so it never blames one.",
        example={"feature": "age", "max": 0.2},
        reads=_inputs,
        judged=lambda asked: Drifting(asked.max or _DEFAULT_MAX, of_inputs=True),
        mode=Mode.WARN,
        may_gate=False,
    ),
)
