"""What people wrote into a metric: PromQL of their own, and counters of their own exporters.

All of a look are asked in one query. Should Prometheus refuse it, each is asked alone, so that the one that is wrong is
named and spoils no other; and none may keep a look waiting. What cannot be used is no data: it moves nothing, passes
nothing, and keeps no other metric from being judged.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from serin_operator.api.kinds.reading import Counter, Expression
from serin_operator.decide.analysis import Measurement, NoData, QueryFailed, Sample, Value
from serin_operator.decide.looks import Look
from serin_operator.observe.prometheus_client import PrometheusError, PrometheusRefused, PrometheusTimeout, Series
from serin_operator.observe.questions import duration, promql

PATIENCE_SECONDS: Final = 5.0
"""For queries that people wrote; less than a look has, so that a slow one is not taken for a Prometheus that hangs."""


class Prometheus(Protocol):
    """Answers instant queries."""

    async def query(self, promql: str, at: float) -> list[Series]:
        """The instant vector at a moment (unix seconds). Raises PrometheusError."""
        ...


@dataclass(frozen=True)
class Written:
    """One thing that people wrote.

    Args:
        path: Its field, for messages.
        promql: The query.
    """

    path: str
    promql: str


Answer = list[Series] | NoData | QueryFailed


def expression(path: str, asked: Expression, look: Look) -> Written:
    """The query with its placeholders filled in."""
    window = duration((look.end - look.start).total_seconds())
    values = {
        "canary": look.canary,
        "stable": look.stable,
        "window": window,
        "namespace": look.namespace,
        "name": look.name,
    }
    text = asked.promql
    for word, value in values.items():
        text = text.replace(f"{{{{ .{word} }}}}", value)
    return Written(path, text)


def counters(
    path: str, foreign: Sequence[Counter], look: Look, scrape_seconds: float, *, is_before: bool = False
) -> Written:
    """The query for counters of somebody else, in the look or in the time before it."""
    start, end = look.before if is_before and look.before else (look.start, look.end)
    return Written(path, promql([(counter, None) for counter in foreign], look, start, end, scrape_seconds))


async def ask(prometheus: Prometheus, written: Sequence[Written], at: float) -> list[Answer]:
    """An answer to each."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            if len(written) < 2:
                return [await _alone(prometheus, one, at) for one in written]
            try:
                return _parted(await prometheus.query(_joined(written), at), len(written))
            except PrometheusRefused:
                return list(await asyncio.gather(*(_alone(prometheus, one, at) for one in written)))
            except PrometheusTimeout:
                raise
            except PrometheusError as error:
                return [QueryFailed(str(error))] * len(written)
    except (TimeoutError, PrometheusTimeout):
        slow = "Prometheus did not answer this query in time: make it cheaper, with a recording rule for example"
        return [NoData(f"{one.path}: {slow}") for one in written]


async def _alone(prometheus: Prometheus, one: Written, at: float) -> Answer:
    try:
        return await prometheus.query(one.promql, at)
    except PrometheusRefused as error:
        return NoData(f"{one.path}: {error}; mend it there")
    except PrometheusTimeout:
        raise
    except PrometheusError as error:
        return QueryFailed(str(error))


def _joined(written: Sequence[Written]) -> str:
    """One query; each stands on lines of its own, so that a comment at its end comments nothing else out."""
    parts = (f'label_replace((\n{one.promql}\n), "of", "{number}", "", "")' for number, one in enumerate(written))
    return " or ".join(parts)


def _parted(series: Sequence[Series], count: int) -> list[Answer]:
    found: list[list[Series]] = [[] for _ in range(count)]
    for one in series:
        number = one.labels.get("of", "")
        if number.isdigit() and int(number) < count:
            found[int(number)].append(replace(one, labels=_without(one.labels, "of")))
    return list(found)


def _without(labels: Mapping[str, str], label: str) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != label}


def measured(path: str, answer: Answer) -> Sample:
    """The one number of an expression."""
    if isinstance(answer, NoData | QueryFailed):
        return answer
    if not answer:
        return NoData(f"{path} gives nothing at the end of this look: no series matches")
    if len(answer) > 1:
        some = ", ".join(_shown(one) for one in answer[:2])
        return NoData(f"{path} gives {len(answer)} series ({some}, …), and one number is wanted: put sum() around it")
    value = answer[0].value
    if not math.isfinite(value):
        return NoData(f"{path} gives {value:g}: a division by 0 perhaps, while there is no traffic")
    return Value(Measurement(value))


def _shown(one: Series) -> str:
    told = [f'{key}="{value}"' for key, value in sorted(one.labels.items())]
    return f"{{{', '.join(told)}}}"[:120]
