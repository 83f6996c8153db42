"""What one more observation does to memory, before anything is decided."""

from dataclasses import dataclass, replace
from datetime import datetime

from serin_operator.api.reasons import EventReason
from serin_operator.decide.health.refusals import HELD_AGAINST_NOBODY
from serin_operator.decide.health.resolving import (
    found_digest,
    found_measured,
    found_optimized,
    found_rows,
    found_signature,
    found_signer,
    found_uri,
)
from serin_operator.decide.health.scaling import scaling_beside, scaling_of
from serin_operator.decide.health.serving import outage_of
from serin_operator.decide.judging.due import pace_of
from serin_operator.decide.judging.of_stage import gates_of
from serin_operator.decide.judging.shares import observed as observed_shares
from serin_operator.decide.memory import ledger as book
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.memory import Memory, Scaling
from serin_operator.decide.memory.outbox import Announcement
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Growing,
    Holding,
    Idle,
    Judgement,
    Reaching,
    Resolving,
    Switching,
)
from serin_operator.decide.rollout.clock import is_set_back, ticked
from serin_operator.decide.rollout.facts import facts_of
from serin_operator.decide.rollout.guarding import observed_beside
from serin_operator.decide.rollout.intent import intent_of
from serin_operator.decide.rollout.leaving import leaving_of
from serin_operator.decide.rollout.plan import plan_of
from serin_operator.decide.rollout.sizes import floor_of
from serin_operator.decide.traffic.provider import provider_of
from serin_operator.decide.wanted.settings import Settings
from serin_operator.decide.watched import watched_seconds
from serin_operator.decide.world import World


@dataclass(frozen=True)
class Observed:
    """Memory with the time and the traffic of this observation, and what is said about them."""

    memory: Memory
    announcements: tuple[Announcement, ...] = ()


def prepared(world: World, memory: Memory, settings: Settings) -> Memory:
    """Take up what is new in the spec and in the resolve Job."""
    if world.mdep.spec.analysis is None and memory.comparison.results:
        memory = replace(memory, comparison=replace(memory.comparison, results=(), evidence={}))
    rollout = memory.rollout
    if isinstance(rollout, Resolving):
        memory = replace(memory, ledger=_reported(world, memory.ledger, rollout.candidate))
    if isinstance(rollout, Resolving) and rollout.candidate.sha256 is None:
        digest = found_digest(world, rollout.candidate)
        optimized = found_optimized(world, rollout.candidate)
        published = optimized.source_sha256 if optimized else digest
        if digest and published and not book.conflicting(memory.ledger, rollout.candidate.version, published):
            uri = found_uri(world, rollout.candidate) or rollout.candidate.uri
            candidate = replace(rollout.candidate, sha256=digest, uri=uri)
            ledger = book.resolved(memory.ledger, candidate.revision, digest, uri, optimized)
            return replace(memory, rollout=replace(rollout, candidate=candidate), ledger=ledger)
    if isinstance(rollout, Reaching | Holding | Growing):
        return replace(memory, rollout=_placed(rollout, memory.comparison, settings, world.now))
    return memory


def _reported(world: World, ledger: book.Ledger, candidate: Candidate) -> book.Ledger:
    """The ledger with what the resolve Job has said of a candidate, whether it let it pass or not."""
    if rows := found_rows(world, candidate):
        ledger = book.checked(ledger, candidate.revision, rows)
    if signature := found_signature(world, candidate):
        ledger = book.promised(ledger, candidate.revision, signature)
    if measured := found_measured(world, candidate):
        ledger = book.measured(ledger, candidate.revision, measured)
    if signer := found_signer(world, candidate):
        ledger = book.signed(ledger, candidate.revision, signer)
    return ledger


def _placed(
    rollout: Reaching | Holding | Growing, comparison: Comparison, settings: Settings, now: datetime
) -> Reaching | Holding | Growing:
    """The same stage, after people have edited the steps: by its weight, and never back."""
    if not settings.stages:
        is_new = not isinstance(rollout, Growing)
        return Growing(rollout.candidate, replace(rollout.clock, held=0.0) if is_new else rollout.clock, 0)
    weight, last = comparison.stage_weight, len(settings.stages) - 1
    if isinstance(rollout, Holding) and weight is not None and _weight(settings, rollout.stage) != weight:
        stage = settings.stage_of(weight)
        if (_weight(settings, stage) or 0) <= weight:
            return replace(rollout, stage=stage)
        clock = replace(rollout.clock, waited=0.0, held=0.0, best=0)
        return Reaching(rollout.candidate, clock, stage, now, in_force=stage, weight=_weight(settings, stage))
    if isinstance(rollout, Reaching) and rollout.weight not in {None, _weight(settings, rollout.stage)}:
        stage = settings.stage_of(rollout.weight or 0)
        before = None if rollout.in_force is None else min(rollout.in_force, stage)
        return replace(rollout, stage=stage, in_force=before, weight=_weight(settings, stage))
    if rollout.stage <= last:
        return rollout
    if isinstance(rollout, Reaching):
        before = rollout.in_force
        return replace(rollout, stage=last, in_force=None if before is None else min(before, last))
    return replace(rollout, stage=last)


def _weight(settings: Settings, stage: int) -> int | None:
    return settings.stages[stage].weight if stage < len(settings.stages) else None


def _scaling(world: World, memory: Memory, settings: Settings) -> Scaling | None:
    if isinstance(memory.rollout, Idle | Switching | Baking) or memory.stable is None:
        return scaling_of(world, memory, settings)
    wanted = intent_of(world, memory, settings).replicas.get(memory.stable.revision, 0)
    return scaling_beside(world, memory, settings, wanted)


def observed(world: World, memory: Memory, settings: Settings) -> Observed:
    """Let the clocks tick, and see where requests go."""
    memory = replace(memory, outage=outage_of(world, memory, settings), floor=floor_of(memory, settings, world.now))
    memory = replace(memory, scaling=_scaling(world, memory, settings))
    memory = replace(memory, leaving=leaving_of(world, memory, settings))
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return Observed(observed_beside(world, memory))
    said: tuple[Announcement, ...] = ()
    if is_set_back(rollout.clock, world.now):
        behind = (rollout.clock.at - world.now).total_seconds()
        message = f"the clock was set back by {behind:.0f} s; nothing of that time counts, and the open look is dropped"
        said = (Announcement(EventReason.CLOCK_SET_BACK, message, warning=True),)
    before = rollout.clock.at
    facts = facts_of(world, memory, settings, Judgement())
    pods = world.revision(rollout.candidate.revision).servers
    obstructed = (
        facts.is_commanded
        or (facts.trouble is not None and facts.trouble.reason in HELD_AGAINST_NOBODY)
        or any(obstacle.reason in HELD_AGAINST_NOBODY for obstacle in world.obstacles)
    )
    gates = gates_of(memory, settings)
    watched = watched_seconds(world, before)
    memory = ticked(
        memory, facts, plan_of(memory, settings), pods, gates, obstructed=obstructed, watched_seconds=watched
    )
    if memory.stable is None:
        return Observed(memory, said)
    arms = provider_of(world).arms(world, memory.stable.revision, rollout.candidate.revision)
    comparison = observed_shares(memory.comparison, arms, before, world.now, pace_of(world, before))
    return Observed(replace(memory, comparison=comparison), said)
