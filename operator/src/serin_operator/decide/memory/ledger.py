"""The ledger: every version that was ever wanted, newest first, and how it ended."""

from collections.abc import Iterable
from datetime import datetime

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.status_of_versions import (
    MeasuredStatus,
    OptimizedStatus,
    PreflightStatus,
    SignatureStatus,
    VersionStatus,
)
from serin_operator.decide.memory.states import Candidate, Ended
from serin_operator.decide.timestamps import stamp

REJECTED = frozenset({Outcome.ROLLED_BACK, Outcome.FAILED_PREFLIGHT, Outcome.ABORTED})

Ledger = tuple[VersionStatus, ...]


def entry(ledger: Ledger, revision: str) -> VersionStatus | None:
    """The entry of ``revision``."""
    return next((v for v in ledger if v.revision == revision), None)


def is_rejected(ledger: Ledger, revision: str) -> bool:
    """Whether ``revision`` was taken away and nobody has asked for a retry."""
    found = entry(ledger, revision)
    return found is not None and found.outcome in REJECTED


def was_promoted(ledger: Ledger, revision: str) -> bool:
    """Whether ``revision`` has ever become stable and was not found out since, so that it may come back without a canary."""
    found = entry(ledger, revision)
    return found is not None and is_restorable(found) and not _is_distrusted(found)


def is_restorable(version: VersionStatus) -> bool:
    """Whether a person may go back to it: it has been stable, whatever was said of it since."""
    return version.promoted_at is not None


def _is_distrusted(version: VersionStatus) -> bool:
    return bool(version.distrusted) or version.reason in {Reason.ANALYSIS_FAILED, Reason.GUARD_FAILED}


def conflicting(ledger: Ledger, version: str, sha256: str) -> VersionStatus | None:
    """An entry that used the same version label for another model, by the digest that was published."""
    return next((v for v in ledger if v.version == version and published(v) not in {None, sha256}), None)


def published(version: VersionStatus) -> str | None:
    """The digest of what lies at a version's source, whatever variant of it is served."""
    return version.optimized.source_sha256 if version.optimized else version.sha256


def begin(ledger: Ledger, candidate: Candidate) -> Ledger:
    """Write that a candidate's rollout begins; an earlier entry of the same revision moves to the front."""
    earlier = entry(ledger, candidate.revision)
    begun = VersionStatus(
        version=candidate.version,
        revision=candidate.revision,
        uri=candidate.uri,
        sha256=candidate.sha256 or (earlier.sha256 if earlier else None),
        optimized=earlier.optimized if earlier else None,
        signature=earlier.signature if earlier else None,
        measured=earlier.measured if earlier else None,
        signer=earlier.signer if earlier and is_restorable(earlier) else None,
        outcome=Outcome.IN_PROGRESS,
        started_at=stamp(candidate.started_at),
        promoted_at=earlier.promoted_at if earlier else None,
        attempts=candidate.attempt or None,
        distrusted=(earlier is not None and is_restorable(earlier) and _is_distrusted(earlier)) or None,
    )
    return (begun, *(v for v in ledger if v.revision != candidate.revision))


def resolved(ledger: Ledger, revision: str, sha256: str, uri: str, optimized: OptimizedStatus | None = None) -> Ledger:
    """Write down the digest that was found, under which name that does not move, and whether it is of a variant."""
    found = {"sha256": sha256, "uri": uri, "optimized": optimized}
    return tuple(v.model_copy(update=found) if v.revision == revision else v for v in ledger)


def checked(ledger: Ledger, revision: str, rows: list[PreflightStatus]) -> Ledger:
    """Write down what the gates of the preflight said."""
    return tuple(v.model_copy(update={"preflight": rows}) if v.revision == revision else v for v in ledger)


def signed(ledger: Ledger, revision: str, signer: str) -> Ledger:
    """Write down who has signed a version."""
    return tuple(v.model_copy(update={"signer": signer}) if v.revision == revision else v for v in ledger)


def promised(ledger: Ledger, revision: str, signature: SignatureStatus) -> Ledger:
    """Write down what clients of a version may rely on."""
    return tuple(v.model_copy(update={"signature": signature}) if v.revision == revision else v for v in ledger)


def measured(ledger: Ledger, revision: str, numbers: MeasuredStatus) -> Ledger:
    """Write down what was measured of a version."""
    return tuple(v.model_copy(update={"measured": numbers}) if v.revision == revision else v for v in ledger)


def end(ledger: Ledger, ended: Ended, now: datetime) -> Ledger:
    """Write how a candidate's rollout ended. A promoted version gets its end when another one replaces it."""
    promoted = ended.outcome is Outcome.PROMOTED
    change = {
        "outcome": ended.outcome.value,
        "reason": ended.reason.value,
        "message": ended.message[:1024],
        **({"promoted_at": stamp(now), "ended_at": None, "distrusted": None} if promoted else {"ended_at": stamp(now)}),
    }
    # A version that was promoted once and is superseded on its way back remains one that can be restored.
    before = entry(ledger, ended.candidate.revision)
    if ended.outcome is Outcome.SUPERSEDED and before and before.promoted_at:
        change["outcome"] = Outcome.PROMOTED.value
    return tuple(v.model_copy(update=change) if v.revision == ended.candidate.revision else v for v in ledger)


def replaced(ledger: Ledger, revision: str, now: datetime) -> Ledger:
    """Write that ``revision`` no longer is stable."""
    return tuple(v.model_copy(update={"ended_at": stamp(now)}) if v.revision == revision else v for v in ledger)


def doubted(ledger: Ledger, revision: str, evidence: str) -> Ledger:
    """Write what a guard has found about a version that serves."""
    change = {"reason": Reason.GUARD_FAILED.value, "message": evidence[:1024], "distrusted": True}
    return tuple(v.model_copy(update=change) if v.revision == revision else v for v in ledger)


def is_doubted(ledger: Ledger, revision: str) -> bool:
    """Whether a guard has spoken against ``revision``, which nobody has promoted anew since."""
    known = entry(ledger, revision)
    return known is not None and known.reason == Reason.GUARD_FAILED


def taken_away(ledger: Ledger, revision: str) -> Ledger:
    """Write that a version that had been promoted is rejected, for the reason that stands there."""
    change = {"outcome": Outcome.ROLLED_BACK.value}
    return tuple(v.model_copy(update=change) if v.revision == revision else v for v in ledger)


def forgiven(ledger: Ledger, revision: str) -> Ledger:
    """No longer rejected; its next rollout counts as one more attempt."""
    known = entry(ledger, revision)
    attempts = ((known.attempts or 0) if known else 0) + 1
    change = {"outcome": Outcome.SUPERSEDED.value, "attempts": attempts}
    return tuple(v.model_copy(update=change) if v.revision == revision else v for v in ledger)


def pruned(ledger: Ledger, keep: Iterable[str], limit: int) -> Ledger:
    """At most ``limit`` entries beside those in ``keep``. Of the others the oldest go, those that can be gone back to last.

    What went wrong last has a place of its own beside them: failures push nothing out that can be restored.
    """
    kept = set(keep)
    others = [v for v in ledger if v.revision not in kept]
    chosen = sorted(others, key=lambda v: not is_restorable(v))[:limit]
    if others and not is_restorable(others[0]) and others[0] not in chosen:
        chosen.append(others[0])
    return tuple(v for v in ledger if v.revision in kept or v in chosen)
