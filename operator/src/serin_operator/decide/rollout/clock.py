"""Clocks count what they claim, and only what was observed."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from serin_operator.decide.judging.rows import gates
from serin_operator.decide.memory.memory import Memory
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Growing,
    Holding,
    Idle,
    Reaching,
    Resolving,
    Switching,
)
from serin_operator.decide.rollout.facts import Facts
from serin_operator.decide.rollout.plan import Plan
from serin_operator.decide.watched import LONGEST_GAP_SECONDS
from serin_operator.decide.world import Pod

MOST_REMEMBERED: Final = 200
"""Pods of which it is remembered how often they ended while they warmed up."""
SKEW_SECONDS: Final = 2.0
"""A wall clock that is so far behind what is remembered was set back."""


def is_set_back(clock: Clock, now: datetime) -> bool:
    """Whether the wall clock is behind the last observation: then no time has passed, and it is told."""
    return (clock.at - now).total_seconds() > SKEW_SECONDS


def ticked(
    memory: Memory,
    facts: Facts,
    plan: Plan,
    pods: tuple[Pod, ...],
    waited: frozenset[str] | None = None,
    *,
    obstructed: bool,
    watched_seconds: float = LONGEST_GAP_SECONDS,
) -> Memory:
    """Count the time since the last observation, where it counts.

    Args:
        memory: As it was at the last observation.
        facts: What is observed now.
        plan: Whether somebody paused, and how much is wanted.
        pods: The candidate's, for restarts of those that have not been ready.
        waited: Metrics that the present stage waits for; None: all of them.
        obstructed: Something that is not the candidate's fault keeps its pods from being made.
        watched_seconds: How far back the last observation may lie for all of the time since then to count, where things stayed as
            they were; what is wrong may have begun a moment ago, whenever that was.
    """
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return memory
    clock = rollout.clock
    passed = max((facts.now - clock.at).total_seconds(), 0.0)
    gap, lasted = min(passed, LONGEST_GAP_SECONDS), min(passed, watched_seconds)
    ready = facts.candidate.ready
    waits = _waits(memory, facts)
    progressed = ready > clock.best
    sleeps = not plan.replicas
    undecided = memory.comparison.failed_at is None and _is_undecided(memory, waited)
    after = Clock(
        at=facts.now,
        waited=(0.0 if progressed else clock.waited + (0.0 if obstructed else gap)) if waits and not sleeps else 0.0,
        held=_held(memory, facts, plan, lasted),
        analysed=clock.analysed + (lasted if undecided and not _is_paused(memory, plan) else 0.0),
        dark=_dark(clock, gap) if _is_dark(memory, facts) else 0.0,
        best=0 if sleeps else max(ready, min(clock.best, facts.candidate.wanted or clock.best)),
    )
    candidate = replace(rollout.candidate, warm_restarts=_warm(rollout.candidate, pods))
    return replace(memory, rollout=replace(rollout, clock=after, candidate=candidate))


def _waits(memory: Memory, facts: Facts) -> bool:
    """Whether pods, or the way to them, are waited for."""
    if isinstance(memory.rollout, Baking):
        return facts.candidate.reached < facts.candidate.enough
    if isinstance(memory.rollout, Reaching | Holding):
        return not facts.force.is_reached
    if isinstance(memory.rollout, Switching):
        return not (facts.candidate.is_complete and facts.force.is_reached)
    return isinstance(memory.rollout, Resolving) or not facts.candidate.is_complete


def _dark(clock: Clock, gap: float) -> float:
    """It began some time since the last observation, so only what comes after this one counts."""
    return clock.dark + gap if clock.dark else 0.001


def _is_paused(memory: Memory, plan: Plan) -> bool:
    """Whether a person is waited for, and not the evidence."""
    rollout = memory.rollout
    if plan.paused or not isinstance(rollout, Holding) or not plan.waits_for_person(rollout):
        return plan.paused
    return rollout.clock.held >= plan.stages[rollout.stage].hold_seconds


def _held(memory: Memory, facts: Facts, plan: Plan, gap: float) -> float:
    """Of one that grows: since it has all pods that it can have until more requests are led to it."""
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return 0.0
    if isinstance(rollout, Growing) and not facts.candidate.is_complete:
        return 0.0
    return rollout.clock.held + (gap if isinstance(rollout, Growing) or _is_held(memory, facts, plan) else 0.0)


def _is_held(memory: Memory, facts: Facts, plan: Plan) -> bool:
    if isinstance(memory.rollout, Baking):
        return not plan.paused and facts.candidate.reached > 0
    return isinstance(memory.rollout, Holding) and facts.force.is_reached


def _is_undecided(memory: Memory, waited: frozenset[str] | None) -> bool:
    if not isinstance(memory.rollout, Reaching | Holding | Growing):
        return False
    rows = gates(memory.comparison.results)
    return any(row.verdict == "Inconclusive" and (waited is None or row.metric in waited) for row in rows)


def _is_dark(memory: Memory, facts: Facts) -> bool:
    """The version that has all traffic has no ready pod, and the one before it could answer."""
    if not isinstance(memory.rollout, Switching | Baking) or facts.stable is None:
        return False
    has_been_ready = memory.rollout.clock.best > 0  # it has not, since it was woken from zero
    return has_been_ready and facts.candidate.ready == 0 and facts.stable.ready > 0


def _warm(candidate: Candidate, pods: tuple[Pod, ...]) -> tuple[tuple[str, int], ...]:
    """Restarts of pods that have not been ready yet, by pod; of pods that are gone nothing is remembered."""
    known = dict(candidate.warm_restarts)
    names = {pod.name for pod in pods}
    warming = {pod.name: pod.restarts for pod in pods if not pod.was_ready and pod.restarts}
    kept = {name: restarts for name, restarts in known.items() if name in names}
    return tuple(sorted({**kept, **warming}.items())[:MOST_REMEMBERED])
