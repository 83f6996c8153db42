"""A rollout as the operator judges it, from a ModelDeployment's spec to its last verdict, on counts that are handed to it.

The spec is compiled as the operator compiles it; what its counts are worth is learnt and used as in `decide.judging.judge`. Only
status is not written and read again between looks, which takes most of the time: tests/properties/analysis holds both to the same verdicts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.analysis.engine import Result

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Clients,
    Comparison,
    Fail,
    Proportions,
    Reason,
    Sample,
    Value,
    begin_step,
    eprocess,
    judge_look,
    proportions,
)
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.judge import STARTING_SECONDS, discounted
from serin_operator.decide.judging.scatter import Scatter

LOOK_SECONDS = 30
README_STEPS = ((1, 10), (3, 20))
"""Pods of the canary beside three of stable, and looks: 25 % for 300 s, 50 % for 600 s."""


@dataclass(frozen=True)
class Seen:
    """What one look saw: the sample, and of stable the counts by pod and the sums over clients."""

    sample: Sample
    pods: tuple[Arm, ...] = ()
    clients: Clients | None = None
    begins_stage: bool = False
    """Then pods of the canary are new, too."""
    seconds: float = LOOK_SECONDS


def spec_of(metric: dict, **analysis) -> ModelDeploymentSpec:
    """README's resource with one metric, m, and nothing else that anybody has touched."""
    return ModelDeploymentSpec.model_validate(
        {
            "model": {"uri": "s3://models/v2", "version": "v2"},
            "replicas": 3,
            "rollout": {"steps": [{"weight": 25, "seconds": 300}, {"weight": 50, "seconds": 600}]},
            "analysis": {"metrics": [{"name": "m", **metric}], **analysis},
        }
    )


def compiled(metric: dict, **analysis) -> AnalysisConfig:
    """What the operator makes of it."""
    return config_of(spec_of(metric, **analysis).analysis)


def followed(config: AnalysisConfig, before: Seen | None, looks: Iterable[Seen], design_effect: float = 1.0) -> Result:
    """Look after look to the end of the steps, or to the rollback, or to the proof that the margin is kept."""
    state, known, answers, said, number, stage, against = AnalysisState(), Scatter(), 0, "", -1, 0, 0
    if before is not None:
        state, _ = judge_look(config, state, {"m": before.sample})
        known = known.after(before.pods, before.clients)
    for seen in looks:
        number += 1
        state = begin_step(state) if seen.begins_stage else state
        stage += seen.begins_stage
        starting = STARTING_SECONDS / seen.seconds / stage if seen.begins_stage and seen.pods else 0.0
        sample = discounted(seen.sample, known, known.design_effect(design_effect), starting)
        state, verdicts = judge_look(config, state, {"m": sample})
        against = max(against, _against(config, state))
        known, answers, verdict = known.after(seen.pods, seen.clients), answers + _answers(seen.sample), verdicts["m"]
        said = f"{type(verdict).__name__}/{verdict.reason.value}"
        if isinstance(verdict, Fail) or verdict.reason is Reason.NON_INFERIOR:
            break
    metric, is_fail = state.metrics["m"], said.startswith("Fail")
    return Result(is_fail, answers, number, said.endswith(Reason.NON_INFERIOR), said, *_nats(metric.worst, against))


def _against(config: AnalysisConfig, state: AnalysisState) -> int:
    rule = config.metrics[0].rule
    return proportions.log_against(rule, state.metrics["m"]) if isinstance(rule, Comparison) else 0


def _nats(*evidence: int) -> tuple[float, ...]:
    return tuple(one / eprocess.MICRO for one in evidence)


def _answers(sample: Sample) -> int:
    """Of the canary: labels or requests, and where pairs alone are counted those."""
    if not isinstance(sample, Value) or not isinstance(sample.observed, Proportions):
        return 0
    seen = sample.observed
    return sum(one.canary.total for one in seen.strata) or seen.pairs.total or seen.differing.total
