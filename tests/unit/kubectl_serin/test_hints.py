"""Settings that nobody refuses and nothing comes of are told, each with what to do; those of which something comes are not."""

from typing import Any

import pytest

from kubectl_serin.hints import HINTS, NO_SAMPLES, NO_STORE, hints
from serin_operator.api.optimize import DEFAULT_MAX_LOSS, DEFAULT_MIN_SPEEDUP, fewest_rows
from serin_operator.api.spec import ModelDeploymentSpec
from serin_server.commands.optimizing import accuracy, optimize
from serin_server.config.settings import Settings

Spec = dict[str, Any]
MODEL = {"version": "v1", "uri": "s3://models/credit-risk/v1/"}
ERRORS, DRIFT = {"name": "errors", "errorRate": {}}, {"name": "drift", "predictionDrift": {}}
RIGHT = {"name": "right", "accuracy": {}}
SLOW = {"name": "slow", "latency": {"slowerThanSeconds": 0.25}}
PAIRING = {"pairing": {"sample": 0.1}}
AUTO = {"weight": 25, "minSamples": "Auto", "detect": 0.05}
OPTIMIZE = {**MODEL, "store": {"uri": "s3://kept"}, "optimize": {"variants": ["Int8Dynamic"]}}


def own(metric: Spec) -> Spec:
    """A metric with a number of samples of its own."""
    return {**metric, "minSamples": 50}


def analysed(*metrics: Spec, **more: Any) -> Spec:
    """A spec that compares these."""
    return {"analysis": {"metrics": list(metrics), **more}}


def steps(*said: Spec) -> Spec:
    return {"rollout": {"steps": list(said)}}


BLUE_GREEN = {"strategy": "BlueGreen"}
PAIRING_FIELD, PROOF = "spec.analysis.pairing", "spec.analysis.falsePromotionRate"
SAMPLES, STEP_SAMPLES = "spec.analysis.minSamples", "spec.rollout.steps[].minSamples"
DETECT, DEADLINE, ON_DEADLINE = (f"spec.rollout.{one}" for one in ("steps[].detect", "deadlineSeconds", "onDeadline"))
KEEP, GUARD, WINDOW = "spec.guard.keepPrevious", "spec.guard", "spec.runtime.batchWindowSeconds"
VARIANTS, LOG, LOG_SAMPLE = "spec.model.optimize", "spec.predictionLog", "spec.predictionLog.sample"
SIGNED = {"serving": {"feedback": {"signing": "Managed"}}}


def logged(sample: float) -> Spec:
    return {"predictionLog": {"sample": sample, "store": "s3://logs"}}


ROWS: dict[str, tuple[str, Spec, Spec]] = {
    "pairs of which no metric is made": (PAIRING_FIELD, analysed(SLOW, **PAIRING), analysed(ERRORS, **PAIRING)),
    "pairs that the one metric does without": (
        PAIRING_FIELD,
        analysed({"name": "right", "accuracy": {"paired": "Off"}}, **PAIRING),
        analysed({"name": "other", "disagreement": {"max": 0.02}}, **PAIRING),
    ),
    "a rate of false promotions where nothing is proven": (
        PROOF,
        analysed(RIGHT, falsePromotionRate=0.1),
        analysed({**RIGHT, "evidence": "NonInferior"}, falsePromotionRate=0.1),
    ),
    "samples that each metric has of its own": (SAMPLES, analysed(own(ERRORS), minSamples=9), analysed(own(ERRORS), RIGHT, minSamples=9)),
    "samples of a step that each metric has of its own": (
        STEP_SAMPLES,
        analysed(own(ERRORS)) | steps({"weight": 25, "minSamples": 9}),
        analysed(ERRORS) | steps({"weight": 25, "minSamples": 9}),
    ),
    "what is to be found by metrics that nobody can plan for": (DETECT, analysed(DRIFT) | steps(AUTO), analysed(DRIFT, ERRORS) | steps(AUTO)),
    "what is to be found by metrics with a number of their own": (DETECT, analysed(own(RIGHT)) | steps(AUTO), analysed(RIGHT) | steps(AUTO)),
    "a deadline without an analysis": (DEADLINE, {"rollout": {"deadlineSeconds": 60}}, analysed(ERRORS) | {"rollout": {"deadlineSeconds": 60}}),
    "a deadline where no request tells anything": (
        DEADLINE,
        analysed(ERRORS) | {"rollout": {**BLUE_GREEN, "deadlineSeconds": 60}},
        analysed(ERRORS) | {"rollout": {**BLUE_GREEN, "deadlineSeconds": 60, "blueGreen": {"mirrorPercent": 10}}},
    ),
    "what a deadline does without an analysis": (ON_DEADLINE, {"rollout": {"onDeadline": "Rollback"}}, analysed(ERRORS) | {"rollout": {"onDeadline": "Rollback"}}),
    "pods of the version before that nobody asks": (
        KEEP,
        analysed(RIGHT) | {"guard": {"seconds": 600, "keepPrevious": 1}},
        analysed(RIGHT, **PAIRING) | {"guard": {"seconds": 600, "keepPrevious": 1}},
    ),
    "a guard that compares with clients that are gone": (GUARD, analysed(ERRORS) | {"guard": {"seconds": 600}}, analysed(ERRORS, RIGHT) | {"guard": {"seconds": 600}}),
    "a guard of errors and latency without pairs": (
        GUARD,
        analysed(ERRORS, SLOW) | {"guard": {"seconds": 600}},
        analysed(ERRORS, SLOW, **PAIRING) | {"guard": {"seconds": 600}},
    ),
    "a guard in pairs with nobody": (
        GUARD,
        analysed(ERRORS, **PAIRING) | {"guard": {"seconds": 600, "keepPrevious": 0}},
        analysed(ERRORS, **PAIRING) | {"guard": {"seconds": 600}},
    ),
    "a guard of pairs alone, with nobody": (
        GUARD,
        analysed({"name": "right", "accuracy": {"paired": "Require"}}, **PAIRING) | {"guard": {"seconds": 600, "keepPrevious": 0}},
        analysed(RIGHT, **PAIRING) | {"guard": {"seconds": 600, "keepPrevious": 0}},
    ),
    "a guard of the one metric that cannot go on": (
        GUARD,
        analysed(SLOW, RIGHT) | {"guard": {"seconds": 600, "metrics": ["slow"]}},
        analysed(SLOW, RIGHT) | {"guard": {"seconds": 600, "metrics": ["right"]}},
    ),
    "a wait for others with whom nothing is shared": (
        WINDOW,
        {"runtime": {"batching": "Off", "batchWindowSeconds": 0.002}},
        {"runtime": {"batchWindowSeconds": 0.002}},
    ),
    "a log of labels that nobody can tell predictions of": (LOG, logged(0.05), logged(0.05) | SIGNED),
    "a log of no request": (LOG_SAMPLE, logged(0) | SIGNED, logged(0.05) | SIGNED),
    "variants without a store": (VARIANTS, {"model": {**MODEL, "optimize": OPTIMIZE["optimize"]}}, {"model": OPTIMIZE}),
    "variants of a file beside which nothing comes": (
        VARIANTS,
        {"model": {**OPTIMIZE, "uri": "https://models.example.com/v1.onnx"}},
        {
            "model": {**OPTIMIZE, "uri": "https://models.example.com/v1.onnx"},
            "preflight": {"goldenSamples": {"configMapKeyRef": {"name": "golden", "key": "golden.jsonl"}}},
        },
    ),
    "variants of a regression without a tolerance": (
        VARIANTS,
        {"model": OPTIMIZE, "serving": {"prediction": {"kind": "Regression"}}},
        {"model": OPTIMIZE, "serving": {"prediction": {"kind": "Regression", "tolerance": 0.1}}},
    ),
}  # fmt: skip


def told(spec: Spec) -> list[str]:
    return [hint.field for hint in hints(ModelDeploymentSpec.model_validate({"model": MODEL, **spec}))]


@pytest.mark.parametrize(("field", "idle", "busy"), ROWS.values(), ids=ROWS)
def test_what_nothing_comes_of_is_told_and_what_does_something_is_not(field: str, idle: Spec, busy: Spec) -> None:
    assert field in told(idle)
    assert field not in told(busy)


def test_every_hint_has_a_row_and_says_what_to_do() -> None:
    found = {
        hint
        for _, idle, _ in ROWS.values()
        for hint in hints(ModelDeploymentSpec.model_validate({"model": MODEL, **idle}))
    }
    assert found == set(HINTS)
    for hint in HINTS:
        assert any(word in hint.says for word in ("add ", "give ", "remove ", "set ", "put ")), hint


def test_of_a_spec_without_any_of_it_nothing_is_told() -> None:
    assert told({}) == []
    assert told(analysed(ERRORS, RIGHT) | steps({"weight": 25})) == []


def test_what_a_variant_lacks_is_said_as_the_job_that_resolves_says_it() -> None:
    assert (NO_STORE, NO_SAMPLES) == (optimize.NO_STORE, optimize.NO_SAMPLES)
    defaults = Settings.__dataclass_fields__
    assert defaults["optimize_max_accuracy_loss"].default == DEFAULT_MAX_LOSS
    assert defaults["optimize_min_speedup"].default == DEFAULT_MIN_SPEEDUP
    for share in (0.0, 0.001, 0.01, 0.05, 0.5, 0.99):
        assert fewest_rows(share) == accuracy.fewest_rows(share)
