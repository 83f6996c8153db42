"""Take a look: ask Prometheus once a metric, and make samples of the answers."""

import asyncio
from datetime import datetime
from typing import Protocol

from serin_operator.api import spec as api
from serin_operator.decide.analysis import Arm, NoData, QueryFailed, Sample
from serin_operator.decide.looks import Look, LookResult
from serin_operator.observe.counts import before_of, promql, question_of, sample_of, stable_pods_of
from serin_operator.observe.prometheus_client import PrometheusError, Series


class Prometheus(Protocol):
    """Answers instant queries."""

    async def query(self, promql: str, at: float) -> list[Series]:
        """The instant vector at a moment (unix seconds). Raises PrometheusError."""
        ...


async def take(
    prometheus: Prometheus, look: Look, analysis: api.Analysis, scrape_seconds: float, now: datetime
) -> LookResult:
    """One sample a metric; a query that fails is a sample too."""
    names = [metric.name for metric in analysis.metrics]
    answers = await asyncio.gather(*(_sample(prometheus, look, m, scrape_seconds, now) for m in analysis.metrics))
    before: list[Sample] = []
    if look.before is not None:
        before = await asyncio.gather(*(_before(prometheus, look, m, scrape_seconds, now) for m in analysis.metrics))
    samples, pods = [sample for sample, _ in answers], [pods for _, pods in answers]
    return LookResult(
        look,
        dict(zip(names, samples, strict=True)),
        dict(zip(names, before, strict=False)),
        dict(zip(names, pods, strict=True)),
    )


async def _sample(
    prometheus: Prometheus, look: Look, metric: api.Metric, scrape: float, now: datetime
) -> tuple[Sample, tuple[Arm, ...]]:
    question = question_of(metric)
    try:
        query = promql(question, look, look.start, look.end, scrape)
        series = await prometheus.query(query, now.timestamp())
    except PrometheusError as error:
        return QueryFailed(str(error)), ()
    return sample_of(question, series, look), stable_pods_of(question, series, look)


async def _before(prometheus: Prometheus, look: Look, metric: api.Metric, scrape: float, now: datetime) -> Sample:
    if look.before is None:
        return NoData("nothing is asked about the time before")
    question, (start, end) = question_of(metric), look.before
    try:
        series = await prometheus.query(promql(question, look, start, end, scrape), now.timestamp())
    except PrometheusError as error:
        return QueryFailed(str(error))
    return before_of(question, series, look)
