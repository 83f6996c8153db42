"""From status to memory. Status may have been edited, half lost, or written by another release: what cannot be read is
named and left out, and nothing here raises.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from serin_operator.api.status import LetterStatus, ModelDeploymentStatus
from serin_operator.api.status_of_rollouts import CanaryStatus
from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.looks import Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.evidence import readable
from serin_operator.decide.memory.guarded import recalled_comparison, recalled_guard
from serin_operator.decide.memory.ledger import entry
from serin_operator.decide.memory.memory import Floor, Leaving, Memory, Scaling, Stable
from serin_operator.decide.memory.outbox import Announcement, Letter, Line, Notice
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Growing,
    Holding,
    Idle,
    Kind,
    Order,
    Outage,
    Reaching,
    Resolving,
    Rollout,
    Starting,
    Switching,
)
from serin_operator.decide.memory.steered import recalled_actions, recalled_hold, recalled_pause
from serin_operator.decide.timestamps import parse

T = TypeVar("T")

MOST_PODS: Final = 1000
LONGEST_SECONDS: Final = 10 * 365 * 86400.0
FORMER_NAMES: Final = {"Shifting": "Reaching", "Stepping": "Holding", "Promoting": "Growing"}
"""As the first release wrote the phases."""


@dataclass(frozen=True)
class Recalled:
    """Memory, and what of it could not be read."""

    memory: Memory
    unreadable: tuple[str, ...] = ()
    """Fields of status, by name."""


def recalled(status: ModelDeploymentStatus, uri: str, unreadable: tuple[str, ...] = ()) -> Recalled:
    """Read memory back.

    Args:
        status: As far as it could be parsed.
        uri: The model's, for a candidate that the ledger does not know.
        unreadable: Fields that could not even be parsed.
    """
    reader = _Reader(list(unreadable))
    ledger = tuple(status.versions or ())
    stable = status.stable and Stable(status.stable.version, status.stable.revision, status.stable.sha256)
    known = entry(ledger, status.canary.revision) if status.canary else None
    idle: Rollout = Idle()
    rollout = reader.read("canary", lambda: _rollout(status.canary, known.uri if known else uri), idle)
    guard = reader.read("guard", lambda: recalled_guard(status.guard if isinstance(rollout, Idle) else None), None)
    comparison = Comparison()
    if not isinstance(rollout, Idle):
        comparison = reader.read("canary", lambda: _comparison(status.canary), Comparison())
        comparison = reader.evidence("canary", comparison)
    elif guard and (known_guard := status.guard):
        comparison = reader.read("guard", lambda: recalled_comparison(known_guard), Comparison(since=guard.since))
        comparison = reader.evidence("guard", comparison)
    return Recalled(
        Memory(
            stable=stable or None,
            rollout=rollout,
            comparison=comparison,
            ledger=ledger,
            last_action=status.last_action,
            actions=reader.read("actions", lambda: recalled_actions(status.actions), ()),
            pause=reader.read("pause", lambda: recalled_pause(status.pause), None),
            hold=reader.read("hold", lambda: recalled_hold(status.hold), None),
            outage=reader.read("outage", lambda: _outage(status), None),
            floor=reader.read("floor", lambda: _floor(status), None),
            scaling=reader.read("scaling", lambda: _scaling(status), None),
            leaving=reader.read("leaving", lambda: _leaving(status), None),
            guard=guard,
            outbox=reader.read("outbox", lambda: tuple(map(_letter, status.outbox or ())), ()),
            lent=tuple(status.traffic.lent or ()) if status.traffic else (),
            rebuilt_at=reader.read("rebuiltAt", lambda: _moment(status.rebuilt_at), None),
        ),
        tuple(dict.fromkeys(reader.unreadable)),
    )


@dataclass(frozen=True)
class _Reader:
    unreadable: list[str]

    def read(self, name: str, parse_it: Callable[[], T], otherwise: T) -> T:
        """What is there, or ``otherwise`` and a note."""
        try:
            return parse_it()
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, InvalidAnalysis):
            self.unreadable.append(name)
            return otherwise

    def evidence(self, name: str, comparison: Comparison) -> Comparison:
        """The same comparison; without its evidence where that cannot be gone on with."""
        anew = replace(comparison, evidence={}, results=())
        return self.read(f"{name}.evidence", partial(readable, comparison), anew)


def _rollout(canary: CanaryStatus | None, uri: str) -> Rollout:
    if canary is None:
        return Idle()
    observed = canary.observed
    _check(canary)
    clock = Clock(
        parse(observed.at),
        observed.waited,
        observed.held,
        observed.analysed,
        observed.dark or 0.0,
        observed.best or 0,
    )
    candidate = Candidate(
        revision=canary.revision,
        version=canary.version,
        uri=uri,
        kind=Kind(canary.kind),
        started_at=parse(canary.started_at),
        sha256=canary.sha256,
        attempt=canary.attempt,
        warm_restarts=tuple(sorted((str(pod), int(n)) for pod, n in (canary.warm_restarts or {}).items())),
        restarts=canary.restarts or 0,
        order=Order(canary.order) if canary.order else None,
    )
    return _state(canary, candidate, clock)


def _check(canary: CanaryStatus) -> None:
    """Raise ValueError for numbers that no release has written."""
    observed = canary.observed
    spent = (observed.waited, observed.held, observed.analysed, observed.dark or 0.0)
    counts = (canary.step or 0, canary.next_step or 0, canary.attempt, canary.restarts or 0, observed.best or 0)
    if min(counts) < 0 or not all(0 <= seconds < LONGEST_SECONDS for seconds in spent):
        raise ValueError("a number that cannot be")
    if canary.pods:
        for count in canary.pods.split(":"):
            int(count)


def _state(canary: CanaryStatus, candidate: Candidate, clock: Clock) -> Rollout:
    since = _moment(canary.phase_started_at) or clock.at
    has_stages = candidate.kind is Kind.CANARY
    match FORMER_NAMES.get(canary.phase, canary.phase):
        case "Resolving":
            return Resolving(candidate, clock)
        case "Starting":
            return Starting(candidate, clock)
        case "Reaching" if has_stages:
            return Reaching(
                candidate,
                clock,
                canary.next_step or 0,
                since,
                canary.step,
                _moment(canary.steady_since),
                canary.next_weight,
            )
        case "Holding" if has_stages:
            return Holding(candidate, clock, canary.step or 0, since)
        case "Growing" if canary.step is not None and has_stages:
            return Growing(candidate, clock, canary.step)
        case "Growing" | "Switching":  # without a stage in force it had no traffic before the switch
            return Switching(candidate, clock)
        case "Baking":
            return Baking(candidate, clock)
        case other:
            raise ValueError(f"phase {other}")


def _comparison(canary: CanaryStatus | None) -> Comparison:
    if canary is None:
        return Comparison()
    return Comparison(
        evidence=canary.evidence or {},
        results=tuple(canary.analysis or ()),
        since=_moment(canary.canary_since),
        look_from=_moment(canary.last_look_at),
        share=canary.weight if canary.share is None and canary.last_look_at else canary.share or 0,
        mirror=canary.mirror_percent or 0,
        testers=bool(canary.testers),
        change_from=_moment(canary.change_since),
        steady_from=_moment(canary.change_steady_since),
        closed=tuple(span for span in map(Span.parse, canary.closed_looks or ()) if span.start < span.end),
        changes=tuple(Span.parse(text) for text in canary.weight_changes or ()),
        taken_at=_moment(canary.look_taken_at),
        failed_at=_moment(canary.failed_look_at),
        stage_from=_moment(canary.step_since),
        is_ripe=bool(canary.looked_after_hold),
        stage_weight=canary.step_weight,
        achieved=canary.weight,
        stray=canary.stray,
    )


def _outage(status: ModelDeploymentStatus) -> Outage | None:
    outage = status.outage
    return Outage(parse(outage.at), outage.seconds, bool(outage.waking)) if outage else None


def _floor(status: ModelDeploymentStatus) -> Floor | None:
    """Raises ValueError for a size that no spec can ask for."""
    return Floor(_pods(status.floor.replicas), parse(status.floor.at)) if status.floor else None


def _scaling(status: ModelDeploymentStatus) -> Scaling | None:
    """Raises ValueError for a size that no spec can ask for."""
    return Scaling(_pods(status.scaling.replicas), parse(status.scaling.at)) if status.scaling else None


def _leaving(status: ModelDeploymentStatus) -> Leaving | None:
    """Raises ValueError for a size that no spec can ask for."""
    found = status.leaving
    if found is None:
        return None
    best = _pods(found.stable_ready) if found.stable_ready else 0
    return Leaving(found.revision, found.version, best, parse(found.at))


def _pods(number: int) -> int:
    if not 0 < number <= MOST_PODS:
        raise ValueError("a size that cannot be")
    return number


def _letter(letter: LetterStatus) -> Letter:
    if letter.line is not None:
        return Letter(letter.key, Line(letter.line, letter.fields or {}))
    if letter.notice is not None:
        return Letter(letter.key, _notice(letter, letter.notice))
    return Letter(letter.key, Announcement(letter.reason or "", letter.message or "", bool(letter.warning)))


def _notice(letter: LetterStatus, occasion: str) -> Notice:
    to, at = tuple(letter.to or ()), parse(letter.at or "")
    return Notice(occasion, letter.reason or "", letter.message or "", to, at, letter.version, letter.stable)


def _moment(text: str | None) -> datetime | None:
    return parse(text) if text else None
