"""Bad ways to try a version with copies of requests or with testers, and good ones."""

import copy
from typing import Any

from tests.cluster.api.table import DELETED, GOOD, Bad

_STEP = "rollout.steps.0"

BAD_TRIALS = (
    Bad(
        "copies beside a weight",
        f"{_STEP}.mirrorPercent",
        50,
        "spec.rollout.steps[0].weight",
        "make it two steps",
    ),
    Bad("testers beside a weight", f"{_STEP}.testers", True, "spec.rollout.steps[0].weight", "make it two steps"),
    Bad(
        "copies and testers in one step",
        _STEP,
        {"weight": 0, "mirrorPercent": 50, "testers": True},
        "spec.rollout.steps[0].testers",
        "cannot be told apart",
    ),
    Bad(
        "copies and testers of one blue-green",
        "rollout",
        {"strategy": "BlueGreen", "blueGreen": {"mirrorPercent": 50, "testers": True}},
        "spec.rollout.blueGreen.testers",
        "cannot be told apart",
    ),
    Bad("copies of nothing", f"{_STEP}", {"weight": 0, "mirrorPercent": 0}, "spec.rollout.steps[0].mirrorPercent"),
    Bad("more copies than requests", f"{_STEP}", {"weight": 0, "mirrorPercent": 101}, "mirrorPercent"),
    Bad(
        "copies that nobody makes",
        "traffic",
        DELETED,
        "spec.rollout",
        "add spec.traffic.gateway",
        before={"rollout": {"strategy": "Shadow"}},
    ),
    Bad(
        "copies in a route of one's own",
        "traffic",
        {"routeRef": {"name": "mine"}},
        "spec.rollout",
        "nor in a route of yours",
        before={"rollout": {"steps": [{"weight": 0, "mirrorPercent": 5}]}},
    ),
    Bad(
        "testers whom nobody has named",
        "traffic.pins",
        [{"header": {"name": "X-Tester", "value": "yes"}, "to": "Stable"}],
        "spec.rollout",
        "add one, for example",
        before={"rollout": {"strategy": "ABTest"}},
    ),
    Bad("a shadow of a canary", "rollout.shadow", {}, "spec.rollout.shadow", "set strategy: Shadow"),
    Bad("testers of a canary said aside", "rollout.abTest", {}, "spec.rollout.abTest", "set strategy: ABTest"),
    Bad(
        "copies in a step after a shadow",
        "rollout",
        {"strategy": "Shadow", "steps": [{"weight": 0, "mirrorPercent": 5}]},
        "spec.rollout.steps",
        "weights above 0",
    ),
    Bad(
        "a shadow on the pods of stable",
        "rollout",
        {"strategy": "Shadow", "stableScale": "Shrink"},
        "spec.rollout.stableScale",
        "remove stableScale",
    ),
)


def tried(rollout: dict[str, Any]) -> dict[str, Any]:
    """The good resource with another way."""
    obj = copy.deepcopy(GOOD)
    obj["spec"]["rollout"] = rollout
    return obj


GOOD_TRIALS = {
    "a shadow, and then steps": tried(
        {
            "strategy": "Shadow",
            "shadow": {"mirrorPercent": 20, "holdSeconds": 600, "minSamples": 400, "pause": True},
            "steps": [{"weight": 10}],
        }
    ),
    "testers, and then everybody": tried({"strategy": "ABTest", "abTest": {"holdSeconds": 3600}}),
    "copies of more and more before weights": tried(
        {
            "steps": [
                {"weight": 0},
                {"weight": 0, "mirrorPercent": 10, "pods": 1},
                {"weight": 0, "mirrorPercent": 100, "minSamples": 400},
                {"weight": 0, "testers": True},
                {"weight": 25},
            ]
        }
    ),
    "blue-green with testers": tried({"strategy": "BlueGreen", "blueGreen": {"testers": True}}),
}
