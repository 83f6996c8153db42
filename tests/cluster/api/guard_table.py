"""Bad ways to go on comparing after a promotion, and good ones."""

import copy
from typing import Any

from tests.cluster.api.table import DELETED, GOOD, Bad

GUARD: dict[str, Any] = {"seconds": 604800, "keepPrevious": 2, "onFailure": "Notify", "metrics": ["accuracy", "far"]}
_BESIDE = {"guard": GUARD}
_BEATING = {"guard": {"seconds": 604800, "mustBeat": "SimpleBaseline"}}
_WITHOUT_STEPS = {"guard": {"seconds": 60}, "rollout": {"strategy": "Canary"}}

BAD_GUARDS = (
    Bad("a guard of nothing", "analysis", DELETED, "spec.guard", "add that", before=_WITHOUT_STEPS),
    Bad("a guard without an end", "guard", {}, "spec.guard.seconds", "Required value"),
    Bad("a guard of a moment", "guard", {"seconds": 1}, "spec.guard.seconds", "greater than or equal to 60"),
    Bad("a guard of many years", "guard.seconds", 10**9, "spec.guard.seconds", "less than or equal to", before=_BESIDE),
    Bad("fewer than no pods are kept", "guard.keepPrevious", -1, "spec.guard.keepPrevious", before=_BESIDE),
    Bad("a guard that does something else", "guard.onFailure", "Pause", "onFailure", '"Rollback"', before=_BESIDE),
    Bad(
        "a guard by an unknown metric",
        "guard.metrics",
        ["speed"],
        "spec.guard.metrics",
        "names of those",
        before=_BESIDE,
    ),
    Bad(
        "a simple baseline that nobody reads",
        "preflight.baseline",
        DELETED,
        "spec.guard.mustBeat",
        "needs spec.preflight.baseline",
        before=_BEATING,
    ),
    Bad(
        "a simple baseline that no label is compared with",
        "analysis.metrics",
        [{"name": "errors", "errorRate": {}}],
        "spec.guard.mustBeat",
        "of kind accuracy",
        before=_BEATING,
    ),
    Bad(
        "a metric that is called as the guard calls its own",
        "analysis.metrics",
        [{"name": "mustBeat", "accuracy": {}}],
        "spec.guard.mustBeat",
        "another name",
        before=_BEATING,
    ),
    Bad("a guard that beats luck", "guard.mustBeat", "Luck", "mustBeat", "SimpleBaseline", before=_BEATING),
    Bad("a guard by no metric", "guard.metrics", [], "spec.guard.metrics", "at least 1 items", before=_BESIDE),
)


def _good(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "spec": {**copy.deepcopy(GOOD["spec"]), **fields}}


GOOD_GUARDS = {
    "a guard": _good(guard=GUARD),
    "a guard with its defaults": _good(guard={"seconds": 86400}),
    "a guard that keeps a version above the simple baseline": _good(**_BEATING),
    "a guard of what got all traffic at once": _good(guard=GUARD, rollout={"strategy": "Immediate"}),
}
