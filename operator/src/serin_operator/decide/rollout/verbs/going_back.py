"""``rollback=<version>``: a version of the ledger that was promoted serves again, at once, and is held against the spec."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from serin_operator.api.reasons import EventReason
from serin_operator.api.status_of_versions import VersionStatus
from serin_operator.decide.health.serving import is_down
from serin_operator.decide.memory.actions import Fate
from serin_operator.decide.memory.ledger import Ledger, forgiven, is_rejected, is_restorable
from serin_operator.decide.memory.states import Baking, Idle, Switching
from serin_operator.decide.memory.stops import Hold
from serin_operator.decide.rollout.target import is_remembered
from serin_operator.decide.rollout.verbs.verb import Answer, Asked, Carried, Ignored, NotYet, Verb, written

MOST_NAMED: Final = 10


def _go_back(asked: Asked) -> Answer:
    memory = asked.memory
    found = _found(asked)
    if found is None:
        return NotYet() if memory.rebuilt_at else Ignored(_unknown(asked))
    if refusal := _refusal(asked, found):
        return NotYet() if memory.rebuilt_at and memory.stable is None else Ignored(refusal)
    serves = memory.stable is not None and memory.stable.revision == found.revision
    hold = Hold(found.revision, found.version, asked.settings.revision, asked.world.now, asked.by)
    ledger = forgiven(memory.ledger, found.revision) if is_rejected(memory.ledger, found.revision) else memory.ledger
    after = replace(memory, ledger=memory.ledger if serves else ledger, hold=hold)
    how = _how(asked) if serves else "comes back at once, without a canary"
    doubt = "; the evidence spoke against it once" if found.distrusted else ""
    spec = asked.world.mdep.spec.model.version
    until = (
        ""
        if found.revision == asked.settings.revision
        else f"; it is held: the spec's {spec} waits until spec.model changes; to let it come, {written('resume')}"
    )
    fate, revision = (Fate.DONE, None) if serves else (Fate.BEGUN, found.revision)
    said = f"{found.version} {how}{doubt}{until}"
    return Carried(after, EventReason.WENT_BACK, said, fate, revision, confirms=serves)


def _how(asked: Asked) -> str:
    """What becomes of the version that is stable, which a candidate may have taken all traffic from already."""
    if not isinstance(asked.memory.rollout, Switching | Baking):
        return "serves, and stays"
    return "takes all traffic again" + (", as its pods get ready" if asked.settings.shrinks else "")


def _found(asked: Asked) -> VersionStatus | None:
    """The entry that is meant: by its revision, or by its label; of several with one label the last that does not serve."""
    restorable = [v for v in asked.memory.ledger if is_restorable(v)]
    if exact := [v for v in restorable if v.revision == asked.argument]:
        return exact[0]
    stable = asked.memory.stable
    named = sorted(
        (v for v in restorable if v.version == asked.argument),
        key=lambda v: (stable is None or v.revision != stable.revision, v.promoted_at or ""),
        reverse=True,
    )
    return named[0] if named else None


def _refusal(asked: Asked, found: VersionStatus) -> str | None:
    """Why nothing is done, or cannot be."""
    memory, version = asked.memory, found.version
    stable, rollout = memory.stable, memory.rollout
    if not isinstance(rollout, Idle) and rollout.candidate.revision == found.revision:
        return f"{version} is being rolled out already"
    if stable and stable.revision == found.revision:
        if memory.hold and memory.hold.revision == found.revision:
            return f"{version} serves already, and is held by {memory.hold.told}"
        if isinstance(rollout, Idle) and found.revision == asked.settings.revision:
            return f"{version} serves already, as the spec says"
        if is_down(asked.world, memory):
            return f"{version} is what has stopped serving; go back to another one: {_named(memory.ledger)}"
        return None
    if not is_remembered(asked.world, asked.settings, found.revision):
        return (
            f"{version} cannot be restored: nothing tells any more how its pods are made, since its ControllerRevision"
            f" {asked.world.mdep.name}-{found.revision} is gone; name {version} ({found.uri[:200]}) in spec.model, and it is"
            f" rolled out as a new version; or go back to another one: {_named(memory.ledger)}"
        )
    return None


def _unknown(asked: Asked) -> str:
    ledger, version = asked.memory.ledger, asked.argument[:80]
    never = [v for v in ledger if asked.argument in {v.version, v.revision}]
    why = f"{version} was never promoted ({never[0].outcome})" if never else f"the ledger has no version {version}"
    return f"no rollback: {why}; what can be gone back to: {_named(ledger)}"


def _named(ledger: Ledger) -> str:
    """The labels of what can be restored, newest first."""
    labels = list(dict.fromkeys(v.version for v in _restorable(ledger)))
    more = f" and {len(labels) - MOST_NAMED} more in status.versions" if len(labels) > MOST_NAMED else ""
    return f"{', '.join(labels[:MOST_NAMED])}{more}" if labels else "no version yet, none has been promoted"


def _restorable(ledger: Ledger) -> Iterable[VersionStatus]:
    return (v for v in ledger if is_restorable(v))


ROLLBACK = Verb("rollback", _go_back, argument="version")
