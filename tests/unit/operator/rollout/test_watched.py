"""What of the time between two observations counts: all that was watched, little of what nobody saw."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from serin_operator.decide.watched import LONGEST_GAP_SECONDS, LONGEST_WATCHED_SECONDS, watched_seconds

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Seen:
    """As much of a world as is asked about."""

    seen_at: datetime | None


@pytest.mark.parametrize(
    ("seen_at", "seconds"),
    [
        pytest.param(BEFORE, LONGEST_WATCHED_SECONDS, id="this process made the last observation"),
        pytest.param(
            BEFORE + timedelta(milliseconds=400), LONGEST_WATCHED_SECONDS, id="which is remembered with fewer digits"
        ),
        pytest.param(None, LONGEST_GAP_SECONDS, id="a new process, or one that was blind, has seen nothing yet"),
        pytest.param(BEFORE - timedelta(seconds=9), LONGEST_GAP_SECONDS, id="another leader has observed since"),
        pytest.param(BEFORE + timedelta(seconds=9), LONGEST_GAP_SECONDS, id="what it had seen was not written down"),
    ],
)
def test_time_counts_as_far_as_it_was_watched(seen_at, seconds):
    assert watched_seconds(Seen(seen_at), BEFORE) == seconds
