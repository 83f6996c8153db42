"""A rollout whose traffic a Gateway splits: by weights that clients can count, and without a lost request."""

import json
from collections import Counter
from typing import Any

import pytest
from scipy.stats import binom
from tests.support.addons import PARENT, Gateway, Request
from tests.support.serin import Space

pytestmark = pytest.mark.e2e

WEIGHTS = (1, 5, 25, 50, 90, 100)
REQUESTS = 4000
HELD = 3600


def routed(space: Space, **spec: Any) -> dict[str, Any]:
    gateway = {"parentRefs": [PARENT], "hostnames": [host(space)]}
    return {"traffic": {"gateway": gateway}, **spec}


def rollout(steps: list[tuple[int, int]]) -> dict[str, Any]:
    """Steps of (weight, seconds)."""
    held = [{"weight": weight, "holdSeconds": seconds} for weight, seconds in steps]
    return {"rollout": {"steps": held, "bakeSeconds": 2, "progressDeadlineSeconds": 120}}


def host(space: Space) -> str:
    return f"{space.namespace}.example"


def count(space: Space, gateway: Gateway, times: int) -> Counter[str]:
    """Which version answers, how often."""
    patients = json.loads((space.serin.files / "patients.json").read_text())["features"]
    inputs = [{"name": "features", "datatype": "FP32", "shape": [1, len(patients[0])], "data": patients[0]}]
    body = json.dumps({"inputs": inputs})
    request = Request(host(space), "POST", f"/v2/models/{space.name}/infer", body)
    return gateway.answers(request, times, lambda answer: json.loads(answer)["parameters"]["serin_version"], 4)


def test_clients_count_what_the_weights_say(space: Space, gateway: Gateway) -> None:
    space.apply("v1", **routed(space))
    space.wait_until_serves("v1")
    for number, weight in enumerate(WEIGHTS):
        steps = [(each, 0 if each < weight else HELD) for each in WEIGHTS]
        space.apply("v2", **routed(space), **rollout(steps))
        space.wait_until(f"{weight} %", lambda n=number, w=weight: is_at(space, n, w), 90)
        told = count(space, gateway, REQUESTS)
        least, most = binom.interval(0.999, REQUESTS, weight / 100)
        assert told["lost"] == 0, told
        assert told["v1"] + told["v2"] == REQUESTS
        assert least <= told["v2"] <= most, (weight, told)


def is_at(space: Space, step: int, weight: int) -> bool:
    canary = space.status().get("canary") or {}
    return (canary.get("step"), canary.get("weight")) == (step, weight)


def test_a_promotion_and_a_rollback_at_half_lose_no_request(space: Space, gateway: Gateway) -> None:
    space.apply("v1", **routed(space))
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=60, through=(gateway.address, host(space)))

    space.apply("v2", **routed(space), **rollout([(50, 3)]))
    space.wait_until_serves("v2")
    space.apply("v3", **routed(space), **rollout([(50, HELD)]))
    space.wait_until("v3 has half", lambda: is_at(space, 0, 50))
    answered = space.traffic()["by_version"].get("v3", {}).get("sent", 0)
    space.wait_until("v3 answers", lambda: space.traffic()["by_version"].get("v3", {}).get("sent", 0) > answered + 50)
    space.act("abort@1")
    space.wait_for_outcome("v3", "Aborted", 30)
    space.wait_until("the canary's pods are gone", lambda: len(space.pods()) == 2)
    assert space.traffic()["by_version"].keys() == {"v1", "v2", "v3"}
    assert space.lost_requests() == ""
