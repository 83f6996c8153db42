"""Take a look: ask Prometheus for everything at once, and make samples of the answers.

Serin's own counters are one query (and one more of the time before the canary had traffic, at the first look), what people
wrote is another: three round trips at most, however many metrics there are.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from serin_operator.api import spec as api
from serin_operator.api.kinds.kind import AT, Paired
from serin_operator.api.kinds.reading import Expression, PairReading, Reading, Shares
from serin_operator.decide.analysis import Arm, Clients, NoData, QueryFailed, Sample
from serin_operator.decide.looks import Look, LookResult
from serin_operator.observe.clients import clients_of
from serin_operator.observe.labelled import with_label_share
from serin_operator.observe.pairs import Asked, asked_of, with_pairs
from serin_operator.observe.prometheus_client import PrometheusError, Series
from serin_operator.observe.questions import answers, promql
from serin_operator.observe.samples import before_of, sample_of, stable_pods_of
from serin_operator.observe.sliced import Sliced
from serin_operator.observe.written import Answer, Prometheus, Written, ask, counters, expression, measured

Found = Mapping[Asked, list[Series]] | QueryFailed


async def take(
    prometheus: Prometheus, look: Look, analysis: api.Analysis, scrape_seconds: float, now: datetime
) -> LookResult:
    """One sample a metric; a query that fails is a sample too."""
    wanted = {m.name: _Wanted.of(m, analysis.paired(m)) for m in analysis.metrics if m.asked is not None}
    own = tuple(dict.fromkeys(one for each in wanted.values() if not each.is_written for one in each.all_counters))
    theirs = [name for name, each in wanted.items() if each.is_written]
    written = [wanted[name].written(look, scrape_seconds) for name in theirs]
    earlier = [name for name in theirs if isinstance(wanted[name].reading, Shares) and look.before]
    written += [wanted[name].written(look, scrape_seconds, is_before=True) for name in earlier]
    queries = [promql(own, look, *span, scrape_seconds) for span in ((look.start, look.end), look.before) if span]
    seen, before, told = await asyncio.gather(
        _own(prometheus, own, queries[0], now),
        _own(prometheus, own if look.before else (), queries[-1], now),
        ask(prometheus, written, look.end.timestamp()),
    )
    mine, mine_before = dict(zip(theirs, told, strict=False)), dict(zip(earlier, told[len(theirs) :], strict=True))
    return LookResult(
        look,
        {name: each.sample(seen, mine.get(name), look) for name, each in wanted.items()}
        | _of_slices(wanted, seen, look, Sliced.samples),
        {name: each.before(before, mine_before.get(name), look) for name, each in wanted.items()}
        | _of_slices(wanted, before, look, Sliced.before)
        if look.before
        else {},
        {name: each.stable_pods(seen, look, look.start) for name, each in wanted.items()},
        {name: each.stable_pods(before, look, look.before[0]) for name, each in wanted.items()} if look.before else {},
        stable_clients=_clients(wanted, seen, look, (look.start, look.end)),
        clients_before=_clients(wanted, before, look, look.before) if look.before else {},
    )


def _of_slices(
    wanted: Mapping[str, "_Wanted"],
    found: Found,
    look: Look,
    samples: Callable[[Sliced, Sequence[Series], Look], dict[str, Sample]],
) -> dict[str, Sample]:
    """A sample for each slice of each metric; nothing where the query failed, as the metrics say themselves."""
    if isinstance(found, QueryFailed):
        return {}
    asked = [each.sliced for each in wanted.values() if each.sliced]
    return {key: one for each in asked for key, one in samples(each, found[each.asked[0]], look).items()}


def _clients(
    wanted: Mapping[str, "_Wanted"], found: Found, look: Look, span: tuple[datetime, datetime]
) -> dict[str, Clients]:
    """By metric, of those whose events servers count by client."""
    told = {name: each.clients(found, look, span) for name, each in wanted.items()}
    return {name: one for name, one in told.items() if one is not None}


async def _own(prometheus: Prometheus, own: Sequence[Asked], query: str, now: datetime) -> Found:
    """The series of each of Serin's counters in one query."""
    if not own:
        return {}
    try:
        series = await prometheus.query(query, now.timestamp())
    except PrometheusError as error:
        return QueryFailed(str(error))
    return dict(zip(own, answers(series, len(own)), strict=True))


@dataclass(frozen=True)
class _Wanted:
    """What one metric reads."""

    path: str
    reading: Reading
    pairs: PairReading | None = None
    sliced: Sliced | None = None

    @classmethod
    def of(cls, metric: api.AnyMetric, paired: Paired) -> "_Wanted":
        if metric.asked is None:
            raise LookupError(metric.name)
        kind, said = metric.asked
        pairs = None if paired is Paired.OFF else kind.pairs
        suffix = ".promql" if isinstance(kind.reads(said), Expression) else ""
        return cls(
            f"{AT.removesuffix('[]')}[{metric.name}].{kind.field}{suffix}", kind.reads(said), pairs, Sliced.of(metric)
        )

    @property
    def is_written(self) -> bool:
        """Whether people wrote what is asked."""
        return isinstance(self.reading, Expression) or any(one.is_foreign for one in self.reading.counters)

    @property
    def counters(self) -> tuple[Asked, ...]:
        age = self.reading.age if isinstance(self.reading, Shares) else None
        return () if isinstance(self.reading, Expression) else tuple((one, age) for one in self.reading.counters)

    @property
    def all_counters(self) -> tuple[Asked, ...]:
        """Those of pairs and clients, too."""
        pairs = asked_of(self.pairs) if self.pairs else ()
        more = (self.reading.clients, self.reading.predictions) if isinstance(self.reading, Shares) else ()
        sliced = self.sliced.asked if self.sliced else ()
        return (*self.counters, *pairs, *((one, None) for one in more if one), *sliced)

    def written(self, look: Look, scrape: float, *, is_before: bool = False) -> Written:
        if isinstance(self.reading, Expression):
            return expression(self.path, self.reading, look)
        return counters(self.path, self.reading.counters, look, scrape, is_before=is_before)

    def _series(self, found: Found, answer: Answer | None) -> list[list[Series]] | NoData | QueryFailed:
        """Counter by counter."""
        if answer is not None:
            return answer if isinstance(answer, NoData | QueryFailed) else answers(answer, len(self.counters))
        return found if isinstance(found, QueryFailed) else [found[one] for one in self.counters]

    def sample(self, found: Found, answer: Answer | None, look: Look) -> Sample:
        if isinstance(self.reading, Expression):
            return measured(self.path, [] if answer is None else answer)
        series = self._series(found, answer)
        if isinstance(series, NoData | QueryFailed):
            return series
        sample = sample_of(self.reading, series, look)
        if isinstance(self.reading, Shares) and self.reading.predictions and not isinstance(found, QueryFailed):
            predictions = self.reading.predictions
            sample = with_label_share(sample, predictions, found[predictions, None], look)
        if self.pairs is None or isinstance(found, QueryFailed):
            return sample
        return with_pairs(sample, self.pairs, [found[one] for one in asked_of(self.pairs)], look)

    def before(self, found: Found, answer: Answer | None, look: Look) -> Sample:
        if not isinstance(self.reading, Shares):
            return NoData("nothing is asked about the time before")
        series = self._series(found, answer)
        return series if isinstance(series, NoData | QueryFailed) else before_of(self.reading, series, look)

    def stable_pods(self, found: Found, look: Look, start: datetime) -> tuple[Arm, ...]:
        if not isinstance(self.reading, Shares) or self.is_written:
            return ()
        series = self._series(found, None)
        return (
            () if isinstance(series, NoData | QueryFailed) else stable_pods_of(self.reading, series, look.stable, start)
        )

    def clients(self, found: Found, look: Look, span: tuple[datetime, datetime]) -> Clients | None:
        sums = self.reading.clients if isinstance(self.reading, Shares) else None
        if sums is None or isinstance(found, QueryFailed):
            return None
        return clients_of(sums, found[sums, None], look, *span)
