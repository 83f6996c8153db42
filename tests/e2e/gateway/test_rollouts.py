"""A rollout whose traffic a Gateway splits: by weights that clients can count."""

from collections import Counter
from typing import Any

import pytest
from scipy.stats import binom
from tests.support.addons import Gateway
from tests.support.roads import inference, routed, version_in
from tests.support.serin import Space

pytestmark = pytest.mark.e2e

WEIGHTS = (1, 5, 25, 50, 90, 100)
REQUESTS = 4000
HELD = 3600


def rollout(steps: list[tuple[int, int]]) -> dict[str, Any]:
    """Steps of (weight, seconds)."""
    held = [{"weight": weight, "holdSeconds": seconds} for weight, seconds in steps]
    return {"rollout": {"steps": held, "bakeSeconds": 2, "progressDeadlineSeconds": 120}}


def count(space: Space, gateway: Gateway, times: int) -> Counter[str]:
    """Which version answers, how often."""
    return gateway.answers(inference(space), times, version_in, 4)


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
