"""What is remembered from one reconcile to the next: parsed from status, and written back into it.

``recall(remember(memory)) == memory``: a restart at any moment changes no later decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serin_operator.api.status import CanaryStatus, MetricStatus, ObservedTime
from serin_operator.decide.looks import Span
from serin_operator.decide.memory.ledger import Ledger
from serin_operator.decide.memory.states import (
    Candidate,
    Clock,
    Idle,
    Kind,
    Promoting,
    Resolving,
    Rollout,
    Shifting,
    Starting,
    Stepping,
)
from serin_operator.decide.timestamps import parse, precise


@dataclass(frozen=True)
class Stable:
    """The version that serves."""

    version: str
    revision: str
    sha256: str


@dataclass(frozen=True)
class Analysis:
    """What the analysis of the present rollout remembers."""

    evidence: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[MetricStatus, ...] = ()
    look_from: datetime | None = None
    """Start of the next look."""
    failed_at: datetime | None = None
    """When Prometheus could not answer: asked again after an interval, not at once."""
    canary_since: datetime | None = None
    weight_changes: tuple[Span, ...] = ()
    step_weight: int | None = None
    """Weight in the spec of the step in force, to find the place again when the steps are edited."""
    achieved_weight: int = 0


@dataclass(frozen=True)
class Memory:
    """Everything that cannot be observed again."""

    stable: Stable | None = None
    rollout: Rollout = field(default_factory=Idle)
    analysis: Analysis = field(default_factory=Analysis)
    ledger: Ledger = ()
    last_action: str | None = None


PHASES = {
    "Resolving": Resolving,
    "Starting": Starting,
    "Shifting": Shifting,
    "Stepping": Stepping,
    "Promoting": Promoting,
}


def step_of(rollout: Rollout) -> int | None:
    """The step whose weight is in force."""
    match rollout:
        case Stepping(step=step) | Promoting(step=step):
            return step
        case Shifting(in_force=in_force):
            return in_force
        case _:
            return None


def remember(memory: Memory) -> CanaryStatus | None:
    """The part of status that holds the rollout; counts of pods are added where status is put together."""
    rollout, analysis = memory.rollout, memory.analysis
    if isinstance(rollout, Idle):
        return None
    candidate, clock = rollout.candidate, rollout.clock
    since = rollout.since if isinstance(rollout, Shifting | Stepping) else None
    return CanaryStatus(
        version=candidate.version,
        revision=candidate.revision,
        sha256=candidate.sha256,
        kind=candidate.kind.value,
        phase=type(rollout).__name__,
        weight=analysis.achieved_weight,
        step=step_of(rollout),
        next_step=rollout.step if isinstance(rollout, Shifting) else None,
        started_at=precise(candidate.started_at),
        attempt=candidate.attempt,
        restarts=candidate.restarts or None,
        phase_started_at=precise(since) if since else None,
        pods=f"{rollout.ratio[0]}:{rollout.ratio[1]}" if isinstance(rollout, Stepping) else None,
        observed=ObservedTime(
            at=precise(clock.at),
            waited=round(clock.waited, 3),
            held=round(clock.held, 3),
            analysed=round(clock.analysed, 3),
        ),
        step_weight=analysis.step_weight,
        analysis=list(analysis.results) or None,
        canary_since=precise(analysis.canary_since) if analysis.canary_since else None,
        weight_changes=[str(s) for s in analysis.weight_changes] or None,
        last_look_at=precise(analysis.look_from) if analysis.look_from else None,
        failed_look_at=precise(analysis.failed_at) if analysis.failed_at else None,
        evidence=dict(analysis.evidence) or None,
    )


def recall_rollout(canary: CanaryStatus | None, uri: str) -> Rollout:
    """Inverse of ``remember`` for the rollout. ``uri`` comes from the ledger, which has it already."""
    if canary is None:
        return Idle()
    clock = Clock(parse(canary.observed.at), canary.observed.waited, canary.observed.held, canary.observed.analysed)
    candidate = Candidate(
        revision=canary.revision,
        version=canary.version,
        uri=uri,
        kind=Kind(canary.kind),
        started_at=parse(canary.started_at),
        sha256=canary.sha256,
        attempt=canary.attempt,
        restarts=canary.restarts or 0,
    )
    since = parse(canary.phase_started_at) if canary.phase_started_at else clock.at
    match PHASES.get(canary.phase):
        case t if t is Resolving:
            return Resolving(candidate, clock)
        case t if t is Shifting:
            return Shifting(candidate, clock, canary.next_step or 0, since, canary.step)
        case t if t is Stepping:
            stable, _, ours = (canary.pods or "0:0").partition(":")
            return Stepping(candidate, clock, canary.step or 0, since, (int(stable), int(ours)))
        case t if t is Promoting:
            return Promoting(candidate, clock, canary.step)
        case _:
            return Starting(candidate, clock)


def recall_analysis(canary: CanaryStatus | None) -> Analysis:
    """Inverse of ``remember`` for the analysis."""
    if canary is None:
        return Analysis()
    return Analysis(
        evidence=canary.evidence or {},
        results=tuple(canary.analysis or ()),
        look_from=parse(canary.last_look_at) if canary.last_look_at else None,
        failed_at=parse(canary.failed_look_at) if canary.failed_look_at else None,
        canary_since=parse(canary.canary_since) if canary.canary_since else None,
        weight_changes=tuple(Span.parse(s) for s in canary.weight_changes or ()),
        step_weight=canary.step_weight,
        achieved_weight=canary.weight,
    )
