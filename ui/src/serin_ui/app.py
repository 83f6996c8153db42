"""From requests to pages: who asks, what they may see, and how it is shown."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from kubectl_serin.commands.top import rows_of
from kubectl_serin.problems import Problem as Unanswered
from kubectl_serin.reading import Model
from kubectl_serin.report.html import Markup
from kubectl_serin.report.series import plots_of
from serin_ui import who
from serin_ui.api import ApiServer, Listed
from serin_ui.fleet import State, Wanted, ordered, row_of
from serin_ui.pages.door import problem_page, sign_in_page
from serin_ui.pages.fleet import fleet_page
from serin_ui.pages.model import model_page
from serin_ui.pages.shell import LIVE_HEADER, Shell, policy
from serin_ui.problems import Problem, Unknown
from serin_ui.series import Credentials, OwnPrometheus, prometheus_at
from serin_ui.settings import Settings

LISTS_AT_ONCE: Final = 4
SOONEST_SECONDS: Final = 5.0
AFTER: Final = 20.0
"""A page is brought up to date after this many times what it took, so that large fleets are not listed without end."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_API: Final = web.AppKey("api", ApiServer)


def application(settings: Settings) -> web.Application:
    """The whole of it."""
    site = Site(settings)
    app = web.Application(middlewares=[_guarded], client_max_size=16 * 1024)
    app.add_routes(
        [
            web.get("/", site.fleet),
            web.get("/models/{namespace}/{name}", site.model),
            web.post("/sign-in", site.sign_in),
            web.post("/sign-out", site.sign_out),
            web.get("/healthz", _alive),
            web.get("/favicon.ico", _no_picture),
        ]
    )
    app.cleanup_ctx.append(site.connected)
    return app


class Site:
    """Handlers of requests, over one connection to the API server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prometheus: OwnPrometheus | None = prometheus_at(
            settings.prometheus, Credentials(settings.prometheus_token)
        )
        self._lists = asyncio.Semaphore(LISTS_AT_ONCE)

    async def connected(self, app: web.Application) -> AsyncIterator[None]:
        """As long as the process runs."""
        async with ApiServer(self._settings) as api:
            app[_API] = api
            yield

    async def fleet(self, request: web.Request) -> web.Response:
        """GET /: everything that the person may see, or what they filter."""
        namespace = request.query.get("namespace", "").strip()
        state = request.query.get("state", "").upper()
        wanted = Wanted(request.query.get("words", "").strip(), State[state] if state in State.__members__ else None)
        began = time.monotonic()
        try:
            token = self._token(request)
            async with self._lists:
                listed = await self._listed(request.app[_API], token, namespace)
                models = [Model(one) for one in listed.items]
                numbers, lacks = await self._numbers(models)
        except Problem as problem:
            return self._refused(request, problem, namespace)
        rows = ordered(row_of(model, numbers.get((model.namespace, model.name), {})) for model in models)
        shell = self._shell(request, time.monotonic() - began)
        text = fleet_page(rows, wanted, namespace, datetime.now(UTC), shell, is_cut=listed.is_cut, lacks=lacks)
        return _answer(text, shell)

    async def model(self, request: web.Request) -> web.Response:
        """GET /models/{namespace}/{name}: one of them."""
        began = time.monotonic()
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        try:
            model = Model(await request.app[_API].model(self._token(request), namespace, name))
        except Problem as problem:
            return self._refused(request, problem, None)
        now = datetime.now(UTC)
        plots, lacks = await self._plots(model, now)
        shell = self._shell(request, time.monotonic() - began)
        return _answer(model_page(model, plots, lacks, now, shell), shell)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST /sign-in: keep a token that the API server knows."""
        shell = Shell(secrets.token_urlsafe(16))
        try:
            token = await self._brought(request)
        except Problem as problem:
            text = sign_in_page(shell, f"{problem.says[:1].upper()}{problem.says[1:]}: {problem.way_out}.")
            return _answer(text, shell, problem.status)
        response = web.Response(status=303, headers={"Location": "/"})
        who.keep(response, request, token)
        return response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """POST /sign-out: forget the token."""
        del request
        response = web.Response(status=303, headers={"Location": "/"})
        who.forget(response)
        return response

    async def _brought(self, request: web.Request) -> str:
        """The token of a form, if it may be kept."""
        if not self._settings.signs_in:
            raise Problem("signing in is left to the proxy in front of this page", "come through that", 404)
        if not who.is_own_form(request):
            raise Problem("this form was sent by another site", "sign in here", 403)
        if not who.is_guarded(request):
            says = "this page has come without TLS, so a token could be overheard"
            raise Problem(says, "use https://, or kubectl port-forward", 403)
        token = who.pasted(str((await request.post()).get("token", "")))
        if not await request.app[_API].is_known(token):
            raise Problem("the cluster does not know this token, or it has expired", "make another", 401)
        return token

    def _token(self, request: web.Request) -> str:
        return who.token_of(request, signs_in=self._settings.signs_in)

    async def _listed(self, api: ApiServer, token: str, namespace: str) -> Listed:
        if namespace or not self._settings.namespaces:
            return await api.models(token, namespace or None)
        found = [await self._allowed(api, token, one) for one in self._settings.namespaces]
        if not any(found):
            return await api.models(token, self._settings.namespaces[0])  # raises what all of them would
        seen = [one for one in found if one is not None]
        return Listed(tuple(item for one in seen for item in one.items), is_cut=any(one.is_cut for one in seen))

    async def _allowed(self, api: ApiServer, token: str, namespace: str) -> Listed | None:
        """Models of one of several namespaces; None where the person may not see them."""
        try:
            return await api.models(token, namespace)
        except Unknown:
            raise
        except Problem as problem:
            if problem.status == 403:
                return None
            raise

    async def _numbers(self, models: list[Model]) -> tuple[dict[tuple[str, str], dict[str, Any]], str | None]:
        if self._prometheus is None:
            return {}, "no Prometheus is set"
        try:
            rows = await asyncio.to_thread(rows_of, models, self._prometheus)
        except Unanswered:
            return {}, "Prometheus does not answer"
        serving = {(model.namespace, model.name): model.stable.version for model in models if model.stable}
        return {
            (row["namespace"], row["name"]): row
            for row in rows
            if serving.get((row["namespace"], row["name"])) == row["version"]
        }, None

    async def _plots(self, model: Model, now: datetime) -> tuple[list[Markup], str | None]:
        if self._prometheus is None:
            return [], "no Prometheus is set for this page"
        try:
            return await asyncio.to_thread(plots_of, model, self._prometheus, now), None
        except Unanswered:
            return [], "Prometheus does not answer"

    def _refused(self, request: web.Request, problem: Problem, namespace: str | None) -> web.Response:
        shell = Shell(secrets.token_urlsafe(16), can_sign_out=self._can_sign_out(request))
        if isinstance(problem, Unknown) and self._settings.signs_in:
            says = (
                "Your token has expired, or the cluster does not know it." if request.cookies.get(who.COOKIE) else None
            )
            return _answer(sign_in_page(Shell(shell.nonce), says), shell, 401)
        return _answer(problem_page(problem, shell, namespace), shell, problem.status)

    def _shell(self, request: web.Request, took: float) -> Shell:
        every = max(SOONEST_SECONDS, round(AFTER * took, 1))
        return Shell(secrets.token_urlsafe(16), self._can_sign_out(request), every, LIVE_HEADER in request.headers)

    def _can_sign_out(self, request: web.Request) -> bool:
        return self._settings.signs_in and who.COOKIE in request.cookies


def _answer(text: str, shell: Shell, status: int = 200) -> web.Response:
    headers = {"Content-Security-Policy": policy(shell.nonce)}
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


async def _alive(request: web.Request) -> web.Response:
    del request
    return web.Response(text="ok\n")


async def _no_picture(request: web.Request) -> web.Response:
    """Browsers ask for one by themselves."""
    del request
    return web.Response(status=204)


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Headers that every answer has; a page for what nobody has thought of."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        shell = Shell(secrets.token_urlsafe(16))
        problem = Problem(f"there is nothing at this address ({error.status})", "begin with all models", error.status)
        response = _answer(problem_page(problem, shell), shell, error.status)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
