"""What a file asks for that will not come, though nobody refuses it: settings without effect, and needs that are not met.

Each is one entry: the field, when, and what to do. Whether it would do anything is what the operator and the server make of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from serin_operator.api.kinds.kind import Bounded, Compared, Limited, Proof
from serin_operator.api.kinds.kind import Paired as Pairs
from serin_operator.api.pod import Batching
from serin_operator.api.serving import PredictionKind
from serin_operator.api.spec import AnyMetric, ModelDeploymentSpec
from serin_operator.api.uris import comes_alone
from serin_operator.decide.wanted.settings import settings_of

NO_STORE: Final = "pods read variants from a store, and there is none: set spec.model.store (SERIN_STORE)"
NO_SAMPLES: Final = (
    "accuracy is measured on golden samples, and there are none: put golden.jsonl beside the model, or name a ConfigMap in"
    " spec.preflight.goldenSamples"
)
"""As the Job that resolves says them in the row `optimize`."""


@dataclass(frozen=True)
class Hint:
    """One thing that will not come.

    Args:
        field: Which somebody has written.
        says: Why nothing comes of it, and what to do.
        when: Whether a spec is so.
    """

    field: str
    says: str
    when: Callable[[ModelDeploymentSpec], bool]


def hints(spec: ModelDeploymentSpec) -> Iterator[Hint]:
    """Those that hold of a spec that nobody would refuse."""
    return (hint for hint in HINTS if hint.when(spec))


def _pairing(spec: ModelDeploymentSpec) -> bool:
    return spec.analysis is not None and spec.analysis.pairing is not None


def _kind(metric: AnyMetric) -> str:
    return metric.asked[0].field if metric.asked else ""


def _pairs_for_nothing(spec: ModelDeploymentSpec) -> bool:
    analysis = spec.analysis
    return (
        analysis is not None
        and analysis.pairing is not None
        and not any(analysis.paired(one) is not Pairs.OFF or _kind(one) == "disagreement" for one in analysis.metrics)
    )


def _proves_nothing(spec: ModelDeploymentSpec) -> bool:
    analysis = spec.analysis
    return (
        analysis is not None
        and analysis.false_promotion_rate is not None
        and not any(one.evidence is Proof.NON_INFERIOR for one in analysis.metrics)
    )


def _all_have_samples_of_their_own(spec: ModelDeploymentSpec) -> bool:
    return spec.analysis is not None and all(one.min_samples is not None for one in spec.analysis.metrics)


def _samples_for_nobody(spec: ModelDeploymentSpec) -> bool:
    beats = spec.guard is not None and spec.guard.must_beat is not None  # whose metric has no number of its own
    return (
        spec.analysis is not None
        and spec.analysis.min_samples is not None
        and _all_have_samples_of_their_own(spec)
        and not beats
    )


def _a_step(spec: ModelDeploymentSpec, says: str) -> bool:
    steps = spec.rollout.steps if spec.rollout and spec.rollout.steps else ()
    return any(getattr(step, says) is not None for step in steps)


def _can_be_planned(metric: AnyMetric) -> bool:
    if metric.asked is None or metric.min_samples is not None:
        return False
    kind, said = metric.asked
    return kind.usual is not None and isinstance(kind.judged(said), Compared)


def _plans_for_nobody(spec: ModelDeploymentSpec) -> bool:
    return (
        _a_step(spec, "detect") and spec.analysis is not None and not any(map(_can_be_planned, spec.analysis.metrics))
    )


def _waits_for_no_verdict(spec: ModelDeploymentSpec) -> bool:
    """Time alone ends the steps: there is no analysis, or no stage of which any of its gates tells anything."""
    settings = settings_of(spec)
    gathered = frozenset(settings.metrics.values())
    return not (settings.analysed and any(stage.evidence & gathered for stage in settings.stages))


def _keeps_pods_for_nobody(spec: ModelDeploymentSpec) -> bool:
    return spec.guard is not None and bool(spec.guard.keep_previous) and not _pairing(spec)


def _guards_with_nothing(spec: ModelDeploymentSpec) -> bool:
    guard, analysis = spec.guard, spec.analysis
    if guard is None or analysis is None or guard.must_beat is not None:
        return False
    wanted = settings_of(spec).guard
    names = wanted.metrics if wanted else frozenset()
    has_pairs = _pairing(spec) and guard.keep_previous != 0

    def can_go_on(metric: AnyMetric) -> bool:
        if metric.asked is None:
            return True
        kind, said = metric.asked
        if kind.field == "disagreement":
            return has_pairs
        pairs = analysis.paired(metric)
        goes_alone = isinstance(kind.judged(said), Bounded | Limited) or kind.needs_clients  # labels come late
        return (goes_alone and pairs is not Pairs.REQUIRE) or (has_pairs and pairs is not Pairs.OFF)

    return not any(can_go_on(metric) for metric in analysis.metrics if metric.name in names)


def _waits_for_nobody(spec: ModelDeploymentSpec) -> bool:
    runtime = spec.runtime
    return runtime is not None and runtime.batching is Batching.OFF and bool(runtime.batch_window_seconds)


def _logs_no_labels(spec: ModelDeploymentSpec) -> bool:
    log, feedback = spec.prediction_log, spec.serving.feedback if spec.serving else None
    return log is not None and bool(log.sample) and (feedback is None or feedback.signing is None)


def _has_no_store(spec: ModelDeploymentSpec) -> bool:
    return spec.model.optimize is not None and spec.model.store is None


def _has_no_samples(spec: ModelDeploymentSpec) -> bool:
    golden = spec.preflight.golden_samples if spec.preflight else None
    is_named = golden is not None and golden.config_map_key_ref is not None
    return spec.model.optimize is not None and comes_alone(spec.model.uri) and not is_named


def _has_no_tolerance(spec: ModelDeploymentSpec) -> bool:
    prediction = spec.serving.prediction if spec.serving else None
    return (
        spec.model.optimize is not None
        and prediction is not None
        and prediction.kind is PredictionKind.REGRESSION
        and not prediction.tolerance
    )


HINTS: Final = (
    Hint(
        "spec.analysis.pairing",
        "no metric here is judged in pairs, so requests are asked twice for nothing: add accuracy, errorRate or disagreement,"
        " or remove it",
        _pairs_for_nothing,
    ),
    Hint(
        "spec.analysis.falsePromotionRate",
        "it is for metrics with evidence: NonInferior, and there is none: give one that, or remove it",
        _proves_nothing,
    ),
    Hint(
        "spec.analysis.minSamples",
        "each metric has a minSamples of its own, which counts: remove one of the two",
        _samples_for_nobody,
    ),
    Hint(
        "spec.rollout.steps[].minSamples",
        "each metric has a minSamples of its own, which counts whatever the step says: remove one of the two",
        lambda spec: _a_step(spec, "min_samples") and _all_have_samples_of_their_own(spec),
    ),
    Hint(
        "spec.rollout.steps[].detect",
        "no metric here is planned for (bounds, drifts, means and queries go by analysis.minSamples, and a metric's own"
        " minSamples counts): give a number of minSamples instead",
        _plans_for_nobody,
    ),
    Hint(
        "spec.rollout.deadlineSeconds",
        "no step waits for a verdict, so none is late: add spec.analysis and a step that gets requests, or remove it",
        lambda spec: (
            spec.rollout is not None and spec.rollout.deadline_seconds is not None and _waits_for_no_verdict(spec)
        ),
    ),
    Hint(
        "spec.rollout.onDeadline",
        "no step waits for a verdict, so none is late: add spec.analysis and a step that gets requests, or remove it",
        lambda spec: spec.rollout is not None and spec.rollout.on_deadline is not None and _waits_for_no_verdict(spec),
    ),
    Hint(
        "spec.guard.keepPrevious",
        "without spec.analysis.pairing nobody asks the pods that are kept: add {sample: 0.1}, or remove it",
        _keeps_pods_for_nobody,
    ),
    Hint(
        "spec.guard",
        "none of its metrics can be judged once the version before has no clients: add spec.analysis.pairing with a pod to"
        " keep (keepPrevious), or accuracy: {minimum: 0.9}, which needs no comparison",
        _guards_with_nothing,
    ),
    Hint(
        "spec.runtime.batchWindowSeconds",
        'with batching: "Off" each request runs alone and waits for no other: remove one of the two',
        _waits_for_nobody,
    ),
    Hint(
        "spec.predictionLog.sample",
        "of no request anything is written, and a collector runs for nothing: give 0.05, or remove spec.predictionLog",
        lambda spec: spec.prediction_log is not None and not spec.prediction_log.sample,
    ),
    Hint(
        "spec.predictionLog",
        "where labels are concerned: only a signed token tells which prediction a label is of. To have them, add"
        " spec.serving.feedback.signing: Managed",
        _logs_no_labels,
    ),
    Hint(
        "spec.model.optimize",
        f"unless modelStore of the chart names one for this namespace, status will say: the original is served: {NO_STORE}",
        _has_no_store,
    ),
    Hint(
        "spec.model.optimize",
        f"one file is fetched from there and nothing beside it, so status will say: the original is served: {NO_SAMPLES}",
        _has_no_samples,
    ),
    Hint(
        "spec.model.optimize",
        "a variant's numbers move a little, and without a tolerance every row of a regression is lost that moves: give"
        " spec.serving.prediction.tolerance",
        _has_no_tolerance,
    ),
)
"""One entry each; an entry is one row in tests/unit/kubectl_serin/test_hints.py."""
