"""A rollout of README's shape, and a guard after one, through the whole chain."""

from dataclasses import dataclass

import numpy as np
from benchmarks.analysis.chain.cluster import Cluster
from benchmarks.analysis.chain.evaluate import Prometheus
from benchmarks.analysis.chain.made import CANARY, STABLE
from benchmarks.analysis.chain.operator import Operator
from benchmarks.analysis.chain.traffic import Version
from benchmarks.analysis.chain.ways import Way

from serin_operator.decide.traffic.split import Arms

T0 = 1_795_176_000.0
"""Unix seconds."""
CALM_SECONDS = 270.0
"""Of stable alone, which is looked at for eight looks."""
PODS = 3
_OFTEN = 0.5
"""Probability that a pod begins anew in a rollout, and that a counter of somebody else does."""
STARTS_SECONDS = 25.0
"""From a pod's first moment to its first request."""
_NOTICED_SECONDS = 0.3
_SETTLED_SECONDS = 1.1
DECAYS_AFTER = 0.25
"""Of a guard's life."""


@dataclass(frozen=True)
class Ended:
    """How it ended.

    Args:
        has_fired: Whether it was rolled back; of what only warns, whether it warned, and of means whether they held it for a person.
        seconds: From the first request of the canary, or from when it began to be worse.
        requests: Of clients, which the canary answered until then.
        looks: That were taken.
        said: The verdict at the end, and its reason.
        message: What status said then.
    """

    has_fired: bool
    seconds: float
    requests: int
    looks: int
    said: str
    message: str = ""


def followed(way: Way, rng: np.random.Generator, *, is_worse: bool, ends_with: tuple[str, ...] = ("Fail",)) -> Ended:
    """One of them, to its end or to one of these verdicts."""
    versions = {STABLE: Version(), CANARY: way.canary(is_worse=is_worse and not way.is_guarded)}
    cluster = Cluster(rng, way.spec, versions, way.clients(is_worse=is_worse), way.wanted, T0 + rng.uniform(0, 60))
    operator = Operator(way.spec, Prometheus(cluster.storage), cluster.now, ends_with=frozenset(ends_with))
    if way.is_guarded:
        return _guarded(way, cluster, operator, is_worse=is_worse)
    return _rolled_out(cluster, operator)


def _rolled_out(cluster: Cluster, operator: Operator) -> Ended:
    rng, began, pods = cluster.rng, cluster.now + CALM_SECONDS, 0
    cluster.start(STABLE, PODS, age=3600)
    cluster.lead_to(STABLE)
    cluster.advance(began - STARTS_SECONDS)
    operator.observe(cluster.now, Arms(PODS, 0))
    for stage, (canary_pods, ends) in enumerate(((1, began + 300), (PODS, began + 900))):
        cluster.start(CANARY, canary_pods - pods)
        if _judged(cluster, operator, cluster.now + STARTS_SECONDS, []):
            return _ended(cluster, operator, began)
        operator.observe(cluster.now, operator.arms)
        cluster.lead_to(CANARY)
        pods = canary_pods
        _settle(cluster, operator, Arms(PODS, pods))
        operator.enter(stage)
        if _judged(cluster, operator, ends - STARTS_SECONDS, _mishaps(rng, cluster.now, ends)):
            return _ended(cluster, operator, began)
    _judged(cluster, operator, cluster.now + STARTS_SECONDS, [])
    return _ended(cluster, operator, began)


def _guarded(way: Way, cluster: Cluster, operator: Operator, *, is_worse: bool) -> Ended:
    rng, start, life = cluster.rng, cluster.now, float(way.spec.guard.seconds if way.spec.guard else 0)
    cluster.start(STABLE, 1, age=3600)
    cluster.start(CANARY, PODS, age=3600)
    cluster.lead_to(CANARY)
    operator.guard()
    _settle(cluster, operator, Arms(0, PODS))
    decays = start + DECAYS_AFTER * life
    if _judged(cluster, operator, decays, _mishaps(rng, cluster.now, decays)):
        return _ended(cluster, operator, cluster.now)
    began = cluster.now
    cluster.answered[CANARY] = 0
    cluster.versions[CANARY] = way.canary(is_worse=is_worse)
    _judged(cluster, operator, start + life, _mishaps(rng, began, start + life))
    return _ended(cluster, operator, began)


def _settle(cluster: Cluster, operator: Operator, arms: Arms) -> None:
    """Who answers changes now; it is noticed a moment later, and stays so."""
    cluster.advance(cluster.now + _NOTICED_SECONDS)
    operator.observe(cluster.now, arms)
    cluster.advance(cluster.now + _SETTLED_SECONDS)
    operator.observe(cluster.now, arms)


def _mishaps(rng: np.random.Generator, start: float, end: float) -> list[float]:
    """The moments at which something begins anew: a pod, or a counter of somebody else."""
    return [float(rng.uniform(start, end))] if rng.random() < _OFTEN else []


def _judged(cluster: Cluster, operator: Operator, ends: float, mishaps: list[float]) -> bool:
    """Look after look to the end of a stage. Whether one was the last."""
    while True:
        look = operator.next_look()
        due = ends if look is None else min(ends, look)
        if mishaps and mishaps[0] < due:
            _mishap(cluster, mishaps.pop())
            continue
        cluster.advance(max(due, cluster.now))
        if due >= ends:
            return False
        if operator.look(cluster.now):
            return True


def _mishap(cluster: Cluster, moment: float) -> None:
    cluster.advance(max(moment, cluster.now))
    cluster.reset_exporter()
    cluster.begin_anew(cluster.serving[cluster.rng.integers(len(cluster.serving))])


def _ended(cluster: Cluster, operator: Operator, began: float) -> Ended:
    (row,) = operator.rows or (None,)
    return Ended(
        operator.has_found,
        cluster.now - began,
        cluster.answered[CANARY],
        operator.looks,
        f"{row.verdict}/{row.reason}" if row else "no look",
        (row.message or "") if row else "",
    )
