"""``serin-reporter``: read the settings, keep reports until told to stop."""

import asyncio
import os
import signal
import sys

from aiohttp import web
from prometheus_client import disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serin_server.records.log import Log
from serin_ui.problems import Problem
from serin_ui.reports.cluster import Cluster
from serin_ui.reports.counts import Counts
from serin_ui.reports.settings import Settings
from serin_ui.reports.shelves import shelf_of
from serin_ui.reports.work import Work
from serin_ui.series import prometheus_at
from serin_ui.settings import BadSettings


def main() -> int:
    """Entry point of the image; the exit code."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, that nobody asks for
    try:
        asyncio.run(_report(Settings.of(os.environ)))
    except BadSettings as error:
        sys.stderr.write(f"serin-reporter: {error}\n")
        return 2
    except Problem as problem:
        sys.stderr.write(f"serin-reporter: {problem}\n")
        return 1
    return 0


async def _report(settings: Settings) -> None:
    log, counts = Log("json"), Counts()
    async with Cluster(settings) as cluster:
        shelf = shelf_of(settings, cluster)
        prometheus = prometheus_at(settings.prometheus, settings.prometheus_credentials)
        work = Work(settings, cluster, shelf, prometheus=prometheus, counts=counts, log=log)
        runner = web.AppRunner(_pages(counts), access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, port=settings.port).start()
        log.info("watching", store=shelf.told, namespaces=list(settings.namespaces) or "all", port=settings.port)
        working = asyncio.create_task(work.run(), name="work")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, working.cancel)
        try:
            await working
        except asyncio.CancelledError:
            log.info("stopped")
        finally:
            await runner.cleanup()


def _pages(counts: Counts) -> web.Application:
    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=counts.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    return app
