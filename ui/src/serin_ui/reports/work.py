"""The life of a reporter: it sees how rollouts end, and writes a report of each end that has none.

What has ended stands in status, what is written stands in the store: it may be killed at any moment, and two of them do no harm.
What it remembers beside is for ends that status loses before their report is written.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from kubectl_serin.prometheus import Prometheus
from kubectl_serin.report.html import Markup
from serin_server.records.log import Log
from serin_server.records.troubles import Troubles
from serin_ui.problems import Problem
from serin_ui.reports.cluster import BOOKMARK, Cluster, Gone, JsonObject
from serin_ui.reports.counts import Counts
from serin_ui.reports.ends import End, as_of, kept_again, kept_of
from serin_ui.reports.fleet import Fleet
from serin_ui.reports.pulse import FIRST_PAUSE_SECONDS, Pulse
from serin_ui.reports.queue import Queue, Waiting
from serin_ui.reports.settings import Settings
from serin_ui.reports.shelves import Shelf
from serin_ui.reports.writing import NO_PROMETHEUS, drawn, report_of

LOOK_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 600.0
"""For Prometheus; after that a report says that it did not answer."""


class Work:
    """What one process does.

    Args:
        settings: Which ends are told, and when.
        cluster: Where models are.
        shelf: Where reports are kept.
        prometheus: Has series over time; None: nobody has.
        counts: Where it is counted.
        log: Where it is told.
        clock: Unix seconds.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        shelf: Shelf,
        *,
        prometheus: Prometheus | None,
        counts: Counts,
        log: Log,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._shelf = shelf
        self._prometheus = prometheus
        self._counts = counts
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._fleet = Fleet(timedelta(seconds=settings.max_age_seconds))
        self._queue = Queue()
        self._troubles = Troubles(
            lambda trouble, waiting: log.warning("a report is not written yet", trouble=trouble, waiting=waiting)
        )
        counts.waiting.set_function(lambda: float(len(self._queue)))
        counts.late.set_function(lambda: self._queue.late_seconds(clock()))

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for namespace in self._settings.namespaces or (None,):
                tasks.create_task(self._follow(namespace), name=f"watch {namespace or 'all'}")
            tasks.create_task(self._write(), name="write")

    # ---- seeing ----------------------------------------------------------------------------------------------------

    async def _follow(self, namespace: str | None) -> None:
        pulse = Pulse(self._counts.watch_up.labels(namespace or ""))
        told = partial(self._heard, pulse)
        while True:
            try:
                there: set[str] = set()
                version = await self._cluster.each(namespace, partial(self._listed, there))
                self._fleet.forget_others(namespace, there)
                while True:
                    try:
                        version = await self._cluster.changes(namespace, version, told, pulse.opens)
                    finally:
                        pulse.ends()
                    # Nothing is missed meanwhile, and a server that ends each at once is not pestered.
                    await self._sleep(FIRST_PAUSE_SECONDS)
            except Gone:
                await self._sleep(pulse.expires())
            except Problem as problem:
                pause = pulse.fails()
                self._log.warning(
                    "models are not seen", namespace=namespace or "all", trouble=f"{problem}", after=pause
                )
                await self._sleep(pause)

    def _heard(self, pulse: Pulse, kind: str, raw: JsonObject) -> None:
        pulse.beats()
        if kind != BOOKMARK:
            self._changed(kind, raw)

    def _listed(self, there: set[str], raw: JsonObject) -> None:
        there.add(raw["metadata"]["uid"])
        self._changed("ADDED", raw)

    def _changed(self, kind: str, raw: JsonObject) -> None:
        if kind == "DELETED":
            self._fleet.forget(raw["metadata"]["uid"])
            return
        now = self._clock()
        for end, seen in self._fleet.see(raw, datetime.fromtimestamp(now, UTC)):
            due = max(now, end.at.timestamp() + self._settings.settle_seconds)
            self._queue.add(end, seen, due, kept_of(raw, end))

    # ---- writing ---------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            waiting = self._queue.take(self._clock())
            if waiting is None:
                await self._sleep(LOOK_SECONDS)
            else:
                await self.write(waiting)

    async def write(self, waiting: Waiting) -> None:
        """One report, if it is still to be written; one that fails comes again."""
        try:
            result = await self._kept(waiting)
        except Problem as problem:
            self._again(waiting, f"{problem.says} ({problem.way_out})")
        except Exception as error:  # noqa: BLE001 - a bug: one report is not to keep the others from being written
            self._again(waiting, f"a bug: {type(error).__name__} at {_place_of(error)}")
        else:
            self._queue.done(waiting)
            self._counts.reports.labels(result).inc()

    def _again(self, waiting: Waiting, trouble: str) -> None:
        self._counts.failures.inc()
        self._queue.again(waiting, self._clock())
        self._troubles.tell(trouble, len(self._queue))

    async def _kept(self, waiting: Waiting) -> str:
        end = waiting.end
        if self._clock() - end.at.timestamp() > self._settings.max_age_seconds:
            self._log.warning("a report is given up: it could not be written in time", report=end.path)
            return "expired"
        if await self._shelf.has(end):
            return "there"
        found = await self._cluster.model(end.namespace, end.name)
        if found is None or found["metadata"]["uid"] != end.uid:
            self._log.warning("a report is given up: its model was deleted before", report=end.path)
            return "gone"
        raw = as_of(found, end) or kept_again(waiting.kept)
        if raw is None:
            self._log.warning(
                "a report is given up: its ledger has it no more, and it was too large to keep", report=end.path
            )
            return "gone"
        now = datetime.fromtimestamp(self._clock(), UTC)
        plots, lacks = await self._plots(waiting, raw, now) if self._shelf.takes_pages else (None, None)
        report = await asyncio.to_thread(report_of, end, raw, waiting.seen, now, plots=plots, lacks=lacks)
        await self._shelf.put(end, report)
        self._told(end)
        return "written"

    async def _plots(self, waiting: Waiting, raw: Mapping[str, Any], now: datetime) -> tuple[list[Markup], str | None]:
        """Series over time; without them where Prometheus has not answered for long."""
        if self._prometheus is None:
            return [], NO_PROMETHEUS
        try:
            return await asyncio.to_thread(drawn, raw, self._prometheus, now), None
        except Problem as problem:
            if self._clock() - waiting.since < PATIENCE_SECONDS:
                raise
            return [], f"{problem}"

    def _told(self, end: End) -> None:
        self._log.info(
            "report written",
            namespace=end.namespace,
            name=end.name,
            version=end.version,
            outcome=end.outcome,
            report=end.path,
        )


def _place_of(error: Exception) -> str:
    """Where it was raised; what it says may hold data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "an unknown place"
