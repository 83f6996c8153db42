"""What happened, for people to read and for invariants to be held against."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from serin_operator.api import names


@dataclass(frozen=True)
class Moment:
    """One second of the cluster."""

    at: float
    endpoints: Mapping[str, int]
    """Pods that clients reach, by version."""
    ready: Mapping[str, int]
    """Pods that prove themselves, by version."""
    answered: Mapping[str, int]
    """Requests answered in this moment, by version."""
    lost: int
    """Requests in this moment that reached nobody."""
    stable: str | None
    phase: str | None
    reason: str
    """Of the condition Ready."""


def line_of(status: Mapping[str, Any]) -> str:
    """Status in one line."""
    canary = status.get("canary")
    stable = (status.get("stable") or {}).get("version", "-")
    rollout = "-"
    if canary:
        step = f" step {canary['step']} at {canary['weight']} %" if canary.get("step") is not None else ""
        rollout = f"{canary.get('version')} {canary.get('phase')}{step}"
    kinds = {c["type"]: c for c in status.get("conditions", [])}
    ready = kinds.get("Ready", {"status": "?", "reason": "?"})
    stalled = " STALLED" if kinds.get("Stalled", {}).get("status") == "True" else ""
    return f"stable {stable}, rollout {rollout}, Ready={ready['status']} {ready['reason']}{stalled}"


def selects(obj: Mapping[str, Any]) -> str:
    """What a Service selects, in words."""
    return str(obj["spec"]["selector"].get(names.LABEL_REVISION, "every version"))


def weights_of(route: Mapping[str, Any]) -> str:
    """Where a route leads, in words."""
    *others, last = route["spec"]["rules"]
    weights = [f"{b['name']} {b['weight']}" for b in last["backendRefs"]]
    mirrors = [f["requestMirror"] for f in last.get("filters") or () if "requestMirror" in f]
    copies = [f"copies of {m.get('percent', 100)} % to {m['backendRef']['name']}" for m in mirrors]
    pinned = {r["backendRefs"][0]["name"] for r in others if any("headers" in match for match in r["matches"])}
    return ", ".join([*weights, *copies, *(f"those with a pin to {name}" for name in sorted(pinned))])


def busiest_minute(times: Iterable[float]) -> int:
    """The most that fell into any sixty seconds."""
    buckets: dict[int, int] = defaultdict(int)
    for at in times:
        buckets[int(at) // 60] += 1
    return max(buckets.values(), default=0)


def longest_without_endpoints(moments: Iterable[Moment], *, could: bool = False) -> float:
    """Seconds in a row in which clients reached nobody; with ``could``, only while some version had ready pods."""
    longest, since = 0.0, None
    for moment in moments:
        without = not moment.endpoints and (not could or bool(moment.ready))
        if without and since is None:
            since = moment.at
        if not without:
            since = None
        longest = max(longest, moment.at - since + 1.0 if since is not None else 0.0)
    return longest
