"""The ledger: what can be gone back to stays in it, whatever goes wrong afterwards."""

from datetime import UTC, datetime

import pytest

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.api.status_of_versions import VersionStatus
from serin_operator.decide.memory.ledger import Ledger, begin, end, entry, is_restorable, pruned, was_promoted
from serin_operator.decide.memory.states import Candidate, Ended, Kind

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
V1 = Candidate("rev1", "v1", "http://m/v1", Kind.CANARY, NOW, "ab" * 32)
PROMOTED_AT = "2026-11-20T12:00:00Z"


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
