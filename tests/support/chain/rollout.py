"""A rollout of README's shape: stable alone, then a quarter and half of the pods, looks every half minute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.chain.servers import CANARY, STABLE, Clock, Servers
from tests.support.simulation.prometheus import Prometheus

from serin_operator.api.spec import Analysis
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.judge import judge
from serin_operator.decide.looks import Look, Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.observe.looks import take

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
SCRAPE, INTERVAL, CALM = 5.0, 30, 240
"""Seconds: between scrapes, between looks, and of stable alone."""
Traffic = Callable[[Servers, float], None]
"""One second of requests, at a moment in unix seconds."""


@dataclass(frozen=True)
class Stage:
    """So many pods of the canary, for so long."""

    canary_pods: int
    seconds: int


README = (Stage(1, 300), Stage(3, 600))


async def judged(
    traffic: Traffic, metric: dict[str, Any], stable_pods: int = 3, stages: Sequence[Stage] = README
) -> MetricStatus:
    """What status says at the end of a rollout, or when it would be rolled back."""
    servers, clock = Servers(), Clock(T0)
    prometheus = Prometheus(clock, servers, SCRAPE)  # type: ignore[arg-type]
    analysis = Analysis.model_validate({"metrics": [{"name": "m", **metric}]})
    servers.start(STABLE, stable_pods, T0.timestamp() - 3600)

    def live(seconds: float) -> None:
        for _ in range(round(seconds)):
            traffic(servers, clock.now.timestamp())
            clock.now += timedelta(seconds=1)
            prometheus.scrape()

    live(CALM)
    comparison, pods = Comparison(since=clock.now, look_from=clock.now), 0
    changes: tuple[Span, ...] = ()
    for stage in stages:
        servers.start(CANARY, stage.canary_pods - pods, clock.now.timestamp() - 10)
        changes, pods = (*changes, Span(clock.now, clock.now + timedelta(seconds=1))), stage.canary_pods
        live(1)
        start = clock.now
        comparison = replace(comparison, look_from=start, changes=changes, stage_from=start)
        for _ in range(stage.seconds // INTERVAL):
            live(INTERVAL)
            comparison = await _looked(comparison, prometheus, analysis, clock, live)
            (row,) = comparison.results
            if row.verdict == "Fail":
                return row
    return row


async def _looked(
    comparison: Comparison, prometheus: Prometheus, analysis: Analysis, clock: Clock, live: Callable[[float], None]
) -> Comparison:
    """The look that ends two scrapes back, as the operator asks for it."""
    since, start = comparison.since or clock.now, comparison.look_from or clock.now
    is_first = not comparison.evidence.get("metrics")
    look = Look(
        "ns",
        "m",
        STABLE,
        CANARY,
        start,
        clock.now - timedelta(seconds=2 * SCRAPE),
        canary_since=since,
        weight_changes=comparison.changes,
        before=(since - timedelta(seconds=CALM - 2 * SCRAPE), since) if is_first else None,
    )
    result = await take(prometheus, look, analysis, SCRAPE, clock.now)
    return judge(comparison, result, config_of(analysis), clock.now).comparison
