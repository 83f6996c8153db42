"""From memory to the parts of status that hold it; ``recalled`` is the inverse."""

from datetime import datetime
from typing import Final

from serin_operator.api.status import LetterStatus
from serin_operator.api.status_of_rollouts import (
    CanaryStatus,
    FloorStatus,
    LeavingStatus,
    ObservedTime,
    OutageStatus,
    ScalingStatus,
)
from serin_operator.decide.memory.memory import Floor, Leaving, Memory, Scaling, stage_in_force
from serin_operator.decide.memory.outbox import Announcement, Letter, Line, Notice, Outbox
from serin_operator.decide.memory.states import Clock, Holding, Idle, Moving, Outage, Reaching
from serin_operator.decide.timestamps import precise

PHASES: Final = ("Resolving", "Starting", "Reaching", "Holding", "Growing", "Switching", "Baking")
_NOTICE_LENGTH: Final = 512
"""Notices may wait for a day, twenty of them: what a message has beyond that, status and Events tell."""


def written_canary(memory: Memory) -> CanaryStatus | None:
    """The rollout and its comparison; counts of pods are added where status is put together."""
    rollout = memory.rollout
    if isinstance(rollout, Idle):
        return None
    candidate, comparison = rollout.candidate, memory.comparison
    return CanaryStatus(
        version=candidate.version,
        revision=candidate.revision,
        sha256=candidate.sha256,
        kind=candidate.kind.value,
        phase=type(rollout).__name__,
        weight=comparison.achieved,
        step=stage_in_force(rollout),
        next_step=rollout.stage if isinstance(rollout, Reaching) else None,
        next_weight=rollout.weight if isinstance(rollout, Reaching) else None,
        started_at=precise(candidate.started_at),
        attempt=candidate.attempt,
        order=candidate.order.value if candidate.order else None,
        restarts=candidate.restarts or None,
        warm_restarts=dict(candidate.warm_restarts) or None,
        phase_started_at=_since(rollout),
        steady_since=_moment(rollout.steady) if isinstance(rollout, Reaching) else None,
        observed=_observed(rollout.clock),
        step_weight=comparison.stage_weight,
        looked_after_hold=comparison.is_ripe or None,
        step_since=_moment(comparison.stage_from),
        analysis=list(comparison.results) or None,
        canary_since=_moment(comparison.since),
        weight_changes=[str(span) for span in comparison.changes] or None,
        share=comparison.share if comparison.since else None,
        mirror_percent=comparison.mirror or None,
        testers=comparison.testers or None,
        change_since=_moment(comparison.change_from),
        change_steady_since=_moment(comparison.steady_from),
        closed_looks=[str(span) for span in comparison.closed] or None,
        last_look_at=_moment(comparison.look_from),
        look_taken_at=_moment(comparison.taken_at),
        failed_look_at=_moment(comparison.failed_at),
        stray=comparison.stray,
        evidence=dict(comparison.evidence) or None,
    )


def written_outage(outage: Outage | None) -> OutageStatus | None:
    """How long stable has not been reached."""
    if outage is None:
        return None
    return OutageStatus(at=precise(outage.at), seconds=round(outage.seconds, 3), waking=outage.is_waking or None)


def written_floor(floor: Floor | None) -> FloorStatus | None:
    """The size that nothing goes below."""
    return FloorStatus(replicas=floor.pods, at=precise(floor.at)) if floor else None


def written_scaling(scaling: Scaling | None) -> ScalingStatus | None:
    """The pods that Ready counts while others start."""
    return ScalingStatus(replicas=scaling.pods, at=precise(scaling.at)) if scaling else None


def written_leaving(leaving: Leaving | None) -> LeavingStatus | None:
    """The version that serves until stable is large enough again."""
    if leaving is None:
        return None
    return LeavingStatus(
        version=leaving.version, revision=leaving.revision, stable_ready=leaving.best, at=precise(leaving.at)
    )


def written_letter(letter: Letter) -> LetterStatus:
    """One letter of the outbox."""
    match letter.content:
        case Announcement(reason=reason, message=message, warning=warning):
            return LetterStatus(key=letter.key, reason=reason, message=message[:1024], warning=warning or None)
        case Line(event=event, fields=fields):
            return LetterStatus(key=letter.key, line=event, fields=dict(fields))
        case Notice() as notice:
            return LetterStatus(
                key=letter.key,
                reason=notice.reason,
                message=notice.message[:_NOTICE_LENGTH],
                notice=notice.occasion,
                to=list(notice.to),
                version=notice.version,
                stable=notice.stable,
                at=precise(notice.at),
            )


def written_outbox(outbox: Outbox) -> list[LetterStatus] | None:
    """All letters that may not have been told."""
    return [written_letter(letter) for letter in outbox] or None


def _since(rollout: Moving) -> str | None:
    return precise(rollout.since) if isinstance(rollout, Reaching | Holding) else None


def _observed(clock: Clock) -> ObservedTime:
    return ObservedTime(
        at=precise(clock.at),
        waited=round(clock.waited, 3),
        held=round(clock.held, 3),
        analysed=round(clock.analysed, 3),
        dark=round(clock.dark, 3) or None,
        best=clock.best or None,
    )


def _moment(moment: datetime | None) -> str | None:
    return precise(moment) if moment else None
