"""A server that was asked to stop leaves when its clients have learnt of it, and not for ever later."""

import pytest

from serin_operator.decide.manifests.pod import TERMINATION_GRACE_SECONDS
from serin_server.config.settings import Settings
from serin_server.dataplane.departure import Departure, telling_silence
from serin_server.process.leaving import LONGEST_FINISH_SECONDS


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


@pytest.mark.parametrize(
    ("clients", "silence"),
    [
        pytest.param([0] * 60, 5, id="nobody came in the last minute: nobody is waited for"),
        pytest.param([3] * 60, 5, id="clients come all the time: the least is enough"),
        pytest.param([1, 0, 0] * 20, 15, id="one in three seconds: five times three seconds of silence are no chance"),
        pytest.param(([8] + [0] * 19) * 3, 30, id="they come in bursts every twenty seconds: half as long again"),
        pytest.param([1] + [0] * 59, 300, id="one a minute: only the longest time ends the wait"),
        pytest.param(
            [3] * 10, 45, id="a server that knows its clients for seconds only: longer than they stay connected"
        ),
    ],
)
def test_the_silence_that_tells_of_clients_that_know(clients, silence):
    assert telling_silence(5, 30, clients) == silence


def test_a_server_that_is_told_not_to_wait_leaves_at_once():
    assert telling_silence(0, 30, [1] * 60) == 0


def test_a_pod_is_given_the_time_that_its_server_may_take_to_leave():
    settings = Settings(model_uri="m", model_name="m")
    assert settings.drain_max_seconds + LONGEST_FINISH_SECONDS < TERMINATION_GRACE_SECONDS
