"""Traffic by replica ratio: how many canary pods make a weight, and which pods the client Service selects."""

from collections.abc import Mapping
from math import floor

from serin_operator.api import names


def canary_replicas(stable_replicas: int, weight: int) -> int:
    """Canary pods beside ``stable_replicas`` stable ones for ``weight`` percent of connections; at least one.

    Stable keeps its full scale, so half of the traffic is the most that a canary can get: weights above 50 act as 50.
    """
    share = min(weight, 50)
    wanted = floor(stable_replicas * share / (100 - share) + 0.5)
    return max(1, min(wanted, stable_replicas))


def achieved_weight(stable_ready: int, canary_ready: int) -> int:
    """Percent of connections that the canary gets when the client Service selects both."""
    total = stable_ready + canary_ready
    return floor(100 * canary_ready / total + 0.5) if total else 0


def selector(name: str, revision: str | None) -> dict[str, str]:
    """Selector of the client Service: pinned to ``revision``, or (None) open to every serving pod."""
    base = {names.LABEL_MODEL_DEPLOYMENT: name, names.LABEL_COMPONENT: names.COMPONENT_SERVER}
    return base if revision is None else {**base, names.LABEL_REVISION: revision}


def pinned_revision(service_selector: Mapping[str, str]) -> str | None:
    """The one revision that a selector admits; None when it is open."""
    return service_selector.get(names.LABEL_REVISION)
