"""What was learnt of how counts scatter goes through status, and an older status is read."""

import json

from serin_operator.decide.analysis import Arm, Clients, PodScatter, Spread
from serin_operator.decide.judging.scatter import Scatter, recorded, scatter_of

PODS = (Arm(4, 100), Arm(10, 100), Arm(16, 100))
CLIENTS = Clients(20, 1, 600, 30, 18000, 900, 900)


def test_it_is_written_and_read_again():
    seen = {"errors": Scatter().after(PODS, CLIENTS), "accuracy": Scatter().after((), CLIENTS), "latency": Scatter()}
    again = scatter_of(json.loads(json.dumps(recorded(seen))))
    assert again["accuracy"] == seen["accuracy"]
    assert again["errors"].clients == CLIENTS
    assert again["errors"].pods.pods == 3
    assert again["errors"].pods.each == (4, 100, 10, 100, 16, 100)
    assert "latency" not in again


def test_a_status_that_knows_only_the_spread_between_pods_is_read():
    assert scatter_of({"spread": {"errors": [1.5, 2]}}) == {"errors": Scatter(Spread(1.5, 2), PodScatter(), Clients())}


def test_what_was_measured_by_client_comes_before_the_spread_between_pods_and_the_default():
    by_pod = Scatter().after(PODS, None)
    assert by_pod.after((), CLIENTS).design_effect(6.0) > by_pod.design_effect(6.0) > Scatter().design_effect(6.0)
