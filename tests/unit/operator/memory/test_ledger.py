"""The ledger: what can be gone back to stays in it, whatever goes wrong afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.status_of_versions import (
    MeasuredStatus,
    OptimizedStatus,
    PreflightStatus,
    SignatureStatus,
    VersionStatus,
)
from serin_operator.decide.memory.ledger import (
    Ledger,
    begin,
    checked,
    conflicting,
    doubted,
    end,
    entry,
    forgiven,
    is_doubted,
    is_rejected,
    is_restorable,
    measured,
    promised,
    pruned,
    replaced,
    resolved,
    signed,
    taken_away,
    was_promoted,
)
from serin_operator.decide.memory.states import Candidate, Ended, Kind

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
V1 = Candidate("rev1", "v1", "http://m/v1", Kind.CANARY, NOW, "ab" * 32)
PROMOTED_AT = "2026-11-20T12:00:00Z"
VARIANT = OptimizedStatus(variant="int8", source_sha256="aa")


def good(number: int) -> VersionStatus:
    return VersionStatus(
        version=f"v{number}", revision=f"rev{number}", uri="u", outcome=Outcome.PROMOTED, promoted_at=PROMOTED_AT
    )


def bad(number: int) -> VersionStatus:
    return VersionStatus(version=f"bad{number}", revision=f"bad{number}", uri="u", outcome=Outcome.FAILED_PREFLIGHT)


def ended(outcome: Outcome, reason: Reason) -> Ledger:
    """v1 was promoted, and its return ended so."""
    promoted = end(begin((), V1), Ended(V1, Outcome.PROMOTED, Reason.PROMOTED, ""), NOW)
    return end(begin(promoted, V1), Ended(V1, outcome, reason, ""), NOW)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
@pytest.mark.parametrize("failures", [1, 5])
def test_failures_push_out_nothing_that_can_be_restored(limit: int, failures: int) -> None:
    restorable = [good(n) for n in range(limit)]
    ledger = (*(bad(n) for n in range(failures)), *restorable)
    left = pruned(ledger, [], limit)
    assert [v for v in left if is_restorable(v)] == restorable
    assert left[0] == bad(0), "what went wrong last is told"
    assert len(left) == limit + 1


def test_of_what_can_be_restored_the_oldest_goes() -> None:
    assert [v.version for v in pruned(tuple(good(n) for n in range(5)), ["rev4"], 2)] == ["v0", "v1", "v4"]


def test_what_is_left_over_is_for_failures() -> None:
    ledger = (bad(0), bad(1), bad(2), good(1))
    assert [v.version for v in pruned(ledger, [], 3)] == ["bad0", "bad1", "v1"]


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.ROLLED_BACK, Reason.PROGRESS_DEADLINE_EXCEEDED),
        (Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED),
        (Outcome.ROLLED_BACK, Reason.BIRTH_FORGOTTEN),
        (Outcome.ABORTED, Reason.ABORTED),
        (Outcome.SUPERSEDED, Reason.SUPERSEDED),
    ],
)
def test_a_return_that_failed_keeps_when_the_version_was_promoted_also_when_it_is_tried_again(
    outcome: Outcome, reason: Reason
) -> None:
    ledger = ended(outcome, reason)
    for each in (ledger, begin(ledger, V1)):
        known = entry(each, "rev1")
        assert known is not None
        assert known.promoted_at == PROMOTED_AT
        assert was_promoted(each, "rev1") == (reason is not Reason.ANALYSIS_FAILED)


def test_what_the_evidence_spoke_against_is_trusted_again_once_it_was_promoted_again() -> None:
    ledger = begin(ended(Outcome.ROLLED_BACK, Reason.ANALYSIS_FAILED), V1)
    assert not was_promoted(ledger, "rev1")
    again = end(ledger, Ended(V1, Outcome.PROMOTED, Reason.PROMOTED, ""), NOW)
    assert was_promoted(again, "rev1")
    assert was_promoted(begin(again, V1), "rev1")


SIGNATURE, NUMBERS = SignatureStatus(signature_digest="dd"), MeasuredStatus(batch_rows=8)
ROWS = [PreflightStatus(name="load", verdict="Pass", message="fine")]


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda v: resolved(v, "rev1", "ff", "s3://b/k"), {"sha256": "ff", "uri": "s3://b/k", "optimized": None}),
        (lambda v: checked(v, "rev1", ROWS), {"preflight": ROWS}),
        (lambda v: signed(v, "rev1", "me"), {"signer": "me"}),
        (lambda v: promised(v, "rev1", SIGNATURE), {"signature": SIGNATURE}),
        (lambda v: measured(v, "rev1", NUMBERS), {"measured": NUMBERS}),
        (lambda v: replaced(v, "rev1", NOW), {"ended_at": PROMOTED_AT}),
        (
            lambda v: doubted(v, "rev1", "m" * 2000),
            {"reason": "GuardFailed", "message": "m" * 1024, "distrusted": True},
        ),
        (lambda v: taken_away(v, "rev1"), {"outcome": "RolledBack"}),
        (lambda v: forgiven(v, "rev1"), {"outcome": "Superseded", "attempts": 1}),
        (lambda v: forgiven(forgiven(v, "rev1"), "rev1"), {"outcome": "Superseded", "attempts": 2}),
        (
            lambda v: end(v, Ended(V1, Outcome.ABORTED, Reason.ABORTED, "m" * 2000), NOW),
            {"outcome": "Aborted", "reason": "Aborted", "message": "m" * 1024, "ended_at": PROMOTED_AT},
        ),
    ],
)
def test_what_is_written_of_a_version_is_written_of_no_other(
    write: Callable[[Ledger], Ledger], told: dict[str, Any]
) -> None:
    before = (good(2), good(1), good(0))
    assert write(before) == (good(2), good(1).model_copy(update=told), good(0))


def test_a_version_that_begins_again_keeps_what_is_known_of_it_and_moves_to_the_front() -> None:
    known = {"sha256": "ff", "signature": SIGNATURE, "measured": NUMBERS, "signer": "me", "optimized": VARIANT}
    before = good(1).model_copy(update=known)
    begun, *others = begin((good(2), before, good(0)), replace(V1, sha256=None, attempt=3))
    assert others == [good(2), good(0)]
    assert {name: getattr(begun, name) for name in known} == known
    assert (begun.attempts, begun.promoted_at, begun.started_at) == (3, PROMOTED_AT, PROMOTED_AT)
    assert (begun.version, begun.uri, begun.outcome, begun.distrusted) == ("v1", V1.uri, Outcome.IN_PROGRESS, None)


def test_who_signed_a_version_that_never_served_is_asked_again() -> None:
    (begun,) = begin((good(1).model_copy(update={"signer": "me", "promoted_at": None}),), V1)
    assert begun.signer is None


@pytest.mark.parametrize(
    ("change", "is_it"),
    [
        ({"outcome": "RolledBack"}, True),
        ({"outcome": "FailedPreflight"}, True),
        ({"outcome": "Aborted"}, True),
        ({"outcome": "Promoted"}, False),
        ({"outcome": "Superseded"}, False),
    ],
)
def test_a_version_is_rejected_by_how_it_ended(change: dict[str, str], is_it: bool) -> None:
    ledger = (good(2), good(1).model_copy(update=change))
    assert is_rejected(ledger, "rev1") is is_it
    assert not is_rejected(ledger, "rev3")


def test_a_guard_s_doubt_is_remembered_of_the_version_that_it_is_about() -> None:
    ledger = doubted((good(2), good(1)), "rev1", "worse")
    assert [is_doubted(ledger, each) for each in ("rev1", "rev2", "rev3")] == [True, False, False]
    assert [was_promoted(ledger, each) for each in ("rev1", "rev2", "rev3")] == [False, True, False]


@pytest.mark.parametrize(
    ("version", "sha256", "optimized", "is_conflicting"),
    [
        pytest.param("v1", "aa", None, False, id="the same model"),
        pytest.param("v1", "bb", None, True, id="another model under the same label"),
        pytest.param("v2", "bb", None, False, id="another label"),
        pytest.param("v1", None, None, False, id="a model of which nothing is known"),
        pytest.param("v1", "served", "aa", False, id="a variant of the same model"),
        pytest.param("v1", "aa", "bb", True, id="a variant of another model"),
    ],
)
def test_a_label_is_for_one_model(
    version: str, sha256: str | None, optimized: str | None, is_conflicting: bool
) -> None:
    variant = VARIANT.model_copy(update={"source_sha256": optimized}) if optimized else None
    known = good(1).model_copy(update={"version": version, "sha256": sha256, "optimized": variant})
    assert conflicting((good(0), known), "v1", "aa") == (known if is_conflicting else None)
