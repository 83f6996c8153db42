"""The operator's own little web server: ``/healthz``, ``/readyz`` and ``/metrics``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serin_operator.runtime.health import Check, problems


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages tell."""

    liveness: Sequence[Check]
    readiness: Sequence[Check]
    notes: Callable[[], Sequence[str]] = tuple
    """What does not work though the process gets on; for whoever reads ``/readyz``."""


def application(pages: Pages, exposition: Callable[[], bytes]) -> web.Application:
    """The three pages; a check that fails answers 503 with what is wrong in plain words."""

    async def healthz(_request: web.Request) -> web.Response:
        return _page(pages.liveness)

    async def readyz(_request: web.Request) -> web.Response:
        return _page(pages.readiness, pages.notes())

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app


def _page(checks: Sequence[Check], notes: Sequence[str] = ()) -> web.Response:
    wrong = problems(checks)
    return web.Response(status=503 if wrong else 200, text="\n".join([*(wrong or ["ok"]), *notes]) + "\n")


async def serve(app: web.Application, port: int) -> web.AppRunner:
    """Serve on all addresses until the runner is cleaned up."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, port=port, reuse_address=True).start()
    return runner
