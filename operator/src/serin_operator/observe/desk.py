"""Where looks are asked for and picked up, so that no worker ever waits for Prometheus.

A reconcile books the look that comes next, or asks for one that is due and goes on without it; when the look has been taken,
its key is queued, and the next reconcile picks the result up. Few looks are taken at a time, in the order in which they were first asked for, each with one
deadline for all of its queries. When three in a row had no answer in time, a breaker answers for Prometheus at once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from time import monotonic as clock
from typing import Final

import structlog

from serin_operator.api import spec as api
from serin_operator.decide.analysis import QueryFailed
from serin_operator.decide.looks import Look, LookResult
from serin_operator.observe.booking import Booked, Name
from serin_operator.observe.breaker import TRY_AGAIN_SECONDS, Breaker
from serin_operator.observe.looks import take
from serin_operator.observe.prometheus_client import PrometheusTimeout, Series
from serin_operator.observe.written import Prometheus
from serin_operator.tracing import Span, current, step, within

LOOKS_AT_A_TIME: Final = 4

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    look: Look
    analysis: api.Analysis
    scrape_seconds: float
    now: datetime
    span: Span | None = field(default=None, compare=False)
    """What it was asked for in."""

    def serves(self, wanted: "_Request") -> bool:
        """Whether the answer to this is one to ``wanted``, which was put together later and so may end a little later."""
        mine, theirs = self.look, wanted.look
        known = len(mine.weight_changes)
        return (
            (mine.start, mine.stable, mine.canary, mine.canary_since, mine.weight_changes)
            == (theirs.start, theirs.stable, theirs.canary, theirs.canary_since, theirs.weight_changes[:known])
            and all(change.start >= mine.end for change in theirs.weight_changes[known:])
            and mine.end <= theirs.end
            and self.analysis == wanted.analysis
        )


class LookDesk:
    """Takes looks beside the workers, at most one a ModelDeployment.

    Args:
        prometheus: Answers the queries.
        address: Where it is, for people.
        deadline_seconds: For all queries of a look together.
        on_done: Told the key of each look that has been taken.
        at_a_time: How many looks are under way at most.
        monotonic: Seconds on a clock that never jumps.
    """

    def __init__(
        self,
        prometheus: Prometheus,
        address: str,
        *,
        deadline_seconds: float,
        on_done: Callable[[Name], None],
        at_a_time: int = LOOKS_AT_A_TIME,
        monotonic: Callable[[], float] = clock,
    ) -> None:
        self._prometheus = prometheus
        self._address = address
        self._deadline_seconds = deadline_seconds
        self._on_done = on_done
        self._at_a_time = at_a_time
        self._breaker = Breaker(monotonic)
        self._silent_since: datetime | None = None
        self._waiting: OrderedDict[Name, _Request] = OrderedDict()
        self._running: dict[Name, asyncio.Task[LookResult]] = {}
        self._finished: dict[Name, tuple[_Request, LookResult]] = {}
        self._booked: dict[Name, asyncio.TimerHandle] = {}

    async def result(
        self, key: Name, look: Look, analysis: api.Analysis, scrape_seconds: float, now: datetime
    ) -> LookResult | None:
        """The result of this look, once it has been taken; returns at once, whatever Prometheus does."""
        wanted = _Request(look, analysis, scrape_seconds, now, current())
        request, result = self._finished.pop(key, (None, None))
        if request is not None and request.serves(wanted):
            return result
        self._unbook(key)
        if key in self._running:
            return None
        self._waiting[key] = wanted  # in the place of an earlier one, whose end lies further back
        self._begin()
        if key in self._waiting and self._breaker.is_open:
            return self._refused(self._waiting.pop(key))
        return None

    def book(self, key: Name, booked: Booked | None) -> bool:
        """Take this look when it is time; whoever is due longest has the first turn. One that is asked for before needs none."""
        self._unbook(key)
        if booked is not None:
            request = _Request(booked.look, booked.analysis, booked.scrape_seconds, booked.due, current())
            loop = asyncio.get_running_loop()
            self._booked[key] = loop.call_later(booked.seconds, self._is_due, key, request)
        return booked is not None

    def _is_due(self, key: Name, request: _Request) -> None:
        del self._booked[key]
        if key in self._running:
            return  # another look of it: its reconcile comes, and asks for this one
        self._finished.pop(key, None)
        self._waiting[key] = request
        self._begin()
        if self._breaker.is_open:
            self._refuse_all()

    def _unbook(self, key: Name) -> None:
        if handle := self._booked.pop(key, None):
            handle.cancel()

    @property
    def is_paused(self) -> bool:
        """Whether Prometheus is not asked because it did not answer."""
        return self._breaker.is_open

    def forget(self, key: Name) -> None:
        """The ModelDeployment is gone."""
        self._unbook(key)
        self._waiting.pop(key, None)
        self._finished.pop(key, None)
        if key in self._running:
            self._running[key].cancel()

    async def close(self) -> None:
        """Take no more looks."""
        for key in [*self._booked]:
            self._unbook(key)
        self._waiting.clear()
        tasks = [*self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self) -> None:
        """Start what may start: the one that has been waiting longest first."""
        while self._waiting and len(self._running) < self._at_a_time and self._breaker.allows():
            key, request = self._waiting.popitem(last=False)
            # The span that asked, and not that of whoever's look has just made room for this one.
            task = self._running[key] = asyncio.create_task(
                self._take(request), name=f"look {'/'.join(key)}", context=within(request.span)
            )
            task.add_done_callback(partial(self._ended, key, request))

    async def _take(self, request: _Request) -> LookResult:
        try:
            with step("look at Prometheus"):
                return await self._asked(request)
        except Exception as error:  # noqa: BLE001 - a bug of ours: it ends no other look and leaves nobody waiting
            _log.exception("a look failed", namespace=request.look.namespace, name=request.look.name)
            self._breaker.answered()
            return _failed(request, f"the look failed: {type(error).__name__}")

    def _ended(self, key: Name, request: _Request, task: asyncio.Task[LookResult]) -> None:
        """Runs also for a task that was cancelled before it began."""
        del self._running[key]
        if task.cancelled():
            self._breaker.gave_up()
        else:
            self._finished[key] = (request, task.result())
            self._on_done(key)
        self._tell_changes()
        self._begin()
        if self._breaker.is_open:
            self._refuse_all()

    def _refuse_all(self) -> None:
        for waiting, other in [*self._waiting.items()]:
            del self._waiting[waiting]
            self._finished[waiting] = (other, self._refused(other))
            self._on_done(waiting)

    async def _asked(self, request: _Request) -> LookResult:
        listener = _Listener(self._prometheus)
        try:
            async with asyncio.timeout(self._deadline_seconds):
                result = await take(listener, request.look, request.analysis, request.scrape_seconds, request.now)
        except TimeoutError:
            listener.heard_nothing = True
            said = f"Prometheus at {self._address} did not answer all queries within {self._deadline_seconds:g} s"
            result = _failed(request, said)
        if listener.heard_nothing:
            self._breaker.timed_out()
        else:
            self._breaker.answered()
        return result

    def _tell_changes(self) -> None:
        if self._breaker.is_open == (self._silent_since is not None):
            return
        if self._breaker.is_open:
            self._silent_since = datetime.now(UTC)
            _log.warning("Prometheus does not answer; it is asked less often", address=self._address)
        else:
            self._silent_since = None
            _log.info("Prometheus answers again", address=self._address)

    def _refused(self, request: _Request) -> LookResult:
        since = f" since {self._silent_since:%Y-%m-%d %H:%M:%S} UTC" if self._silent_since is not None else ""
        return _failed(
            request,
            f"Prometheus at {self._address} has not answered{since}; it is tried again every {TRY_AGAIN_SECONDS:g} s",
        )


@dataclass
class _Listener:
    """Notices whether a query had no answer in time."""

    prometheus: Prometheus
    heard_nothing: bool = False

    async def query(self, promql: str, at: float) -> list[Series]:
        try:
            return await self.prometheus.query(promql, at)
        except PrometheusTimeout:
            self.heard_nothing = True
            raise


def _failed(request: _Request, why: str) -> LookResult:
    return LookResult(request.look, {metric.name: QueryFailed(why) for metric in request.analysis.metrics})
