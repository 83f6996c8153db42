"""Several models behind one HTTP port: a request's address names the model that answers it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from serin_server.dataplane.plane import DataPlane
from serin_server.dataplane.repository import Repository
from serin_server.http.connection import HttpConnection
from serin_server.http.faults import fault
from serin_server.http.inference import Inferences
from serin_server.http.messages import OPENAI, Later, Request, Response, Turns, json_response, refused, refused_at
from serin_server.http.origins import Origins
from serin_server.http.routes import EMBEDDINGS, PREFIX, ProtocolRouter, check_method, model_address, path_of
from serin_server.http.server import HttpServer
from serin_server.metrics.statistics import statistics
from serin_server.refusals import Kind, Refusal

if TYPE_CHECKING:
    from serin_server.http.embeddings import Embeddings

_INDEX: Final = "/v2/repository/index"
_REPOSITORY: Final = "/v2/repository/models/"
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Model:
    """One of the models behind a port."""

    router: ProtocolRouter
    plane: DataPlane
    name: str
    revision: str


class PackRouter:
    """Passes questions on to the model that they name, and answers those that name none."""

    def __init__(self, models: Mapping[str, Model], repository: Repository, loop: asyncio.AbstractEventLoop) -> None:
        self.models = models
        self._repository = repository
        self._loop = loop
        self.embeddings: Embeddings | None = None
        """Who answers for embeddings; None where no model makes any."""
        self._origins: Origins | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def allow(self, origins: Origins | None) -> None:
        """From now on browsers may ask for pages of these origins."""
        self._origins = origins
        for model in self.models.values():
            model.router.allow(origins)

    def model_of(self, request: Request) -> Model | None:
        """The model of an inference, by any of its addresses; None for other requests. Raises `Refusal` for a stranger's."""
        path = path_of(request.target)
        if not path.startswith(PREFIX) or model_address(path)[2] != "infer":
            return None
        model = self._named(path)
        model.router.infer_address(request)
        return model

    def infer_address(self, request: Request) -> bool:
        """Whether this is an inference of one of the models."""
        return self.model_of(request) is not None

    def answer(self, request: Request) -> Response | Turns | Later:
        """The response to a request that is no inference; refusals included."""
        path = path_of(request.target)
        try:
            if request.method == b"OPTIONS" and self._origins is not None:
                allowed = self._origins.preflight(request)
                if allowed is not None:
                    return allowed
            if path.startswith(PREFIX):
                if model_address(path) == ("stats", None, ""):
                    return self._statistics(request)
                return self._named(path).router.answer(request)
            return self._of_server(request, path.rstrip("/"))
        except Refusal as refusal:
            if request.target.startswith(OPENAI):
                return refused_at(request.target, refusal)
            return refused(refusal, b"POST" if path.startswith("/v2/repository") else b"GET, HEAD")

    def answer_health(self, request: Request) -> Response | None:
        """The response to a question for health or readiness, of the server or of a model; None to any other request."""
        path = path_of(request.target)
        asks = path.rstrip("/").startswith("/v2/health/") or (
            path.startswith(PREFIX) and model_address(path)[2] == "ready"
        )
        answer = self.answer(request) if asks else None
        return answer if isinstance(answer, Response) else None

    def _named(self, path: str) -> Model:
        name = model_address(path)[0]
        model = self.models.get(name)
        if model is None:
            known = ", ".join(list(self.models)[:20])
            raise Refusal(Kind.UNKNOWN, f"there is no model {name[:200]!r} here: this server has {known}")
        return model

    def _of_server(self, request: Request, path: str) -> Response | Later:
        if path == EMBEDDINGS and self.embeddings is not None:
            return self.embeddings.answer(request)
        if path == _INDEX:
            check_method(request, (b"POST",))
            is_ready_only = _content(request).get("ready") is True
            return json_response(self._repository.index(is_ready_only=is_ready_only))
        if path.startswith(_REPOSITORY):
            name, _, verb = path.removeprefix(_REPOSITORY).rpartition("/")
            if name and verb in ("load", "unload"):
                check_method(request, (b"POST",))
                return self._changed(request, name, verb)
        check_method(request, (b"GET", b"HEAD"))
        match path:
            case "/v2":
                return json_response(self._repository.server_metadata())
            case "/v2/health/live":
                return json_response({"live": True})
            case "/v2/health/ready":
                ready = self._repository.is_ready
                return json_response({"ready": ready}, 200 if ready else 503)
        raise Refusal(Kind.UNKNOWN, f"there is nothing at {path[:200]}: the protocol begins at /v2")

    def _changed(self, request: Request, name: str, verb: str) -> Later:
        self._repository.check(name, _content(request).get("parameters") or {})
        change = self._repository.load if verb == "load" else self._repository.unload

        async def change_and(respond: Callable[[Response], None]) -> None:
            try:
                await change(name)
            except Refusal as refusal:
                respond(refused(refusal))
            except Exception as error:  # noqa: BLE001 (a fault of our own)
                respond(refused(fault(self._loop, error)))
            else:
                respond(Response(200, b""))

        def later(respond: Callable[[Response], None]) -> None:
            task = self._loop.create_task(change_and(respond))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

        return later

    def _statistics(self, request: Request) -> Response:
        check_method(request, (b"GET", b"HEAD"))
        told = []
        for model in self.models.values():
            model.router.check_access(request)
            told.append(statistics(model.plane.metrics, model.name, model.revision))
        return json_response({"model_stats": told})


class PackHttpServer(HttpServer):
    """The connections of a port behind which several models are; each counts and limits its own."""

    def __init__(self, router: PackRouter, plane: DataPlane, loop: asyncio.AbstractEventLoop, **limits: Any) -> None:
        """`plane` admits connections, and counts what reaches no model; `limits` are those of any port."""
        super().__init__(router, (), plane, loop, **limits)
        self._pack = router
        self._by_model = {
            name: (Inferences(model.plane, self._large, loop), model.plane.metrics)
            for name, model in router.models.items()
        }
        self._by_target = {
            f"/v2/models/{quote(name, safe='')}/infer".encode(): each for name, each in self._by_model.items()
        }

    def handle(self, request: Request, connection: HttpConnection) -> None:
        """Answers one request, at once or after its inference."""
        try:
            found = self._by_target.get(request.target)
            if found is None and (model := self._pack.model_of(request)) is not None:
                found = self._by_model[model.name]
        except Refusal as refusal:
            self.refused(refusal)
            connection.respond(request, refused(refusal))
            return
        if found is None or request.method != b"POST":
            super().handle(request, connection)
            return
        if not connection.is_client:
            self._met(connection)
        inferences, metrics = found
        connection.client = metrics.clients.client(connection.address)
        if request.refusal is not None:
            inferences.refuse(request, connection, request.refusal, was_submitted=False)
        else:
            inferences.infer(request, connection)

    def _sweep(self) -> None:
        super()._sweep()
        moment = time()
        for _, metrics in self._by_model.values():
            metrics.look(moment)
            metrics.clients.window = self._metrics.clients.window


def _content(request: Request) -> dict[str, Any]:
    """The JSON object of a small body; empty where there is none. Raises `Refusal`."""
    if len(request.body) > _MOST_BYTES:
        raise Refusal(Kind.TOO_LARGE, f"questions to the repository have at most {_MOST_BYTES} bytes")
    try:
        content = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise Refusal(Kind.MALFORMED, "the body is no JSON object")
    return content
