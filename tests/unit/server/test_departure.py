"""A server that was asked to stop leaves when its clients have learnt of it, and not for ever later."""

import pytest

from serin_operator.decide.manifests.pod import TERMINATION_GRACE_SECONDS
from serin_server.departure import Departure
from serin_server.serve import LONGEST_FINISH_SECONDS
from serin_server.settings import Settings


@pytest.mark.parametrize(
    ("arrivals", "leaves_at", "is_cut_short"),
    [
        pytest.param([], 5, False, id="nobody comes: it leaves after the quiet time"),
        pytest.param([(1, "a"), (3, "b")], 8, False, id="new clients come: it leaves when none has come for that long"),
        pytest.param([(1, "a"), (2, "a"), (6, "a")], 6, False, id="a client that stays counts once"),
        pytest.param(
            [(t, t) for t in range(100)], 60, True, id="clients never stop coming: it leaves at the latest time"
        ),
    ],
)
def test_when_a_server_leaves(arrivals, leaves_at, is_cut_short):
    now = 0.0
    departure = Departure(5, 60, lambda: now)
    coming = list(arrivals)
    while left := departure.seconds_left():
        until = now + left
        while coming and coming[0][0] < until:
            now, client = coming.pop(0)
            departure.came(client)
        now = until
    assert now == leaves_at
    assert departure.is_cut_short == is_cut_short


def test_a_pod_is_given_the_time_that_its_server_may_take_to_leave():
    settings = Settings(model_uri="m", model_name="m")
    assert settings.drain_max_seconds + LONGEST_FINISH_SECONDS < TERMINATION_GRACE_SECONDS
