"""What the stage that a rollout is in asks of its judgement."""

from dataclasses import replace
from typing import Final

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import InvalidAnalysis
from serin_operator.decide.analysis import Reason as VerdictReason
from serin_operator.decide.judging.config import DEFAULT_MIN_SAMPLES, Planned
from serin_operator.decide.judging.planned import planned_for
from serin_operator.decide.judging.rows import gates
from serin_operator.decide.looks import slice_key
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import Baking, Growing, Holding, Judgement, Reaching, Rollout, Switching
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.wanted.stages import Evidence, Stage

_BY_SAMPLES: Final = frozenset({VerdictReason.NO_EVIDENCE_AGAINST.value, VerdictReason.NON_INFERIOR.value})
"""What a metric says that has passed because it had its samples."""


def stage_judged(rollout: Rollout, comparison: Comparison, settings: Settings) -> Stage | None:
    """The stage whose samples are counted: that in force, or the one on its way, or the last one that was passed.

    Its weight is never below the one in force, whatever people have made of the strategy since: who has clients is judged by
    all that they tell.
    """
    match rollout:
        case Holding(stage=place) | Growing(stage=place):
            pass
        case Reaching(stage=coming, in_force=in_force):
            place = coming if in_force is None else in_force
        case Switching() | Baking():
            place = len(settings.stages) - 1
        case _:
            return None
    if not settings.stages:
        return None
    return settings.stages[min(place, len(settings.stages) - 1)].at_least(comparison.stage_weight or 0)


def min_samples(memory: Memory, settings: Settings, wanted: Analysis) -> int:
    """Samples that each metric needs now."""
    stage = stage_judged(memory.rollout, memory.comparison, settings)
    return (stage and stage.min_samples) or wanted.min_samples or DEFAULT_MIN_SAMPLES


def planned(memory: Memory, settings: Settings, wanted: Analysis, design_effect: float = 1.0) -> dict[str, Planned]:
    """The same by metric, where the stage says what it has to find. Raises `InvalidAnalysis`."""
    stage = stage_judged(memory.rollout, memory.comparison, settings)
    return planned_for(stage, wanted, memory.comparison.evidence, design_effect)


def gates_of(memory: Memory, settings: Settings) -> frozenset[str]:
    """Metrics that the present stage waits for: those made of what it lets one know."""
    stage = stage_judged(memory.rollout, memory.comparison, settings)
    known = stage.evidence if stage else frozenset(Evidence)
    return frozenset(name for name, made_of in settings.metrics.items() if made_of in known)


def _without_others(judgement: Judgement, comparison: Comparison, waited: frozenset[str]) -> Judgement:
    """What no stage could know is not waited for; a Fail of it counts all the same."""
    rows = [row for row in comparison.results if row.metric in waited]
    if judgement.failed or not rows or len(rows) == len(gates(comparison.results)):
        return judgement
    lacking = [f"{row.metric}: {row.message}" for row in rows if row.verdict != "Pass"]
    return replace(judgement, passed=not lacking, missing="; ".join(lacking) or None)


def completed(judgement: Judgement, memory: Memory, settings: Settings, wanted: Analysis) -> Judgement:
    """The judgement, unless requests go astray, or people have asked since for a metric that no look has seen or more samples."""
    if memory.comparison.stray:
        return replace(judgement, passed=False, missing=memory.comparison.stray)
    waited = gates_of(memory, settings)
    judgement = _without_others(judgement, memory.comparison, waited)
    if not judgement.passed:
        return judgement
    rows, of_step = memory.comparison.results, min_samples(memory, settings, wanted)
    try:
        more = {name: one.samples for name, one in planned(memory, settings, wanted).items()}
    except InvalidAnalysis as error:
        return replace(judgement, passed=False, missing=str(error))
    asked, seen = (
        {metric.name: metric for metric in wanted.metrics if metric.name in waited},
        {row.metric for row in rows},
    )
    unseen = [name for name in asked if name not in seen]
    told = {row.metric: {one.slice for one in row.slices or ()} for row in rows}
    unseen += [
        slice_key(name, one)
        for name, metric in asked.items()
        for one in metric.slice_names
        if name in seen and one not in told[name]
    ]
    missing = [f"{', '.join(unseen)}: not looked at yet"] if unseen else []
    for row in rows:
        if row.metric in asked and row.reason in _BY_SAMPLES and row.samples is not None:
            needed = asked[row.metric].min_samples or more.get(row.metric, of_step)
            if row.samples < needed:
                missing.append(f"{row.metric}: {row.samples:,} of {needed:,} samples in this step")
    return replace(judgement, passed=False, missing="; ".join(missing)) if missing else judgement


def is_ripe(rollout: Rollout, comparison: Comparison, settings: Settings) -> bool:
    """Whether the look was taken of the stage that is held, after its time was over."""
    if not isinstance(rollout, Holding) or comparison.stage_from is not None:
        return False
    stage = stage_judged(rollout, comparison, settings)
    return stage is not None and rollout.clock.held >= stage.hold_seconds
