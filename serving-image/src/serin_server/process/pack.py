"""`serin-server serve` with several models: one process, its ports and its memory budget, and each model by itself.

What fails with one model, be it its source, its file or its requests, is told of that one, and the others serve on.
"""

import asyncio
import gc
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from serin_server.config.pack import members_of
from serin_server.config.settings import Settings
from serin_server.dataplane.plane import DataPlane
from serin_server.failures import LoadFailure
from serin_server.http.body import BodyLimits
from serin_server.http.metrics_port import Exposed
from serin_server.http.pack import Model, PackHttpServer, PackRouter
from serin_server.http.routes import PortRouter
from serin_server.http.server import HttpServer, Router
from serin_server.metrics.pack import FrontMetrics, MemberMetrics, PackMetrics
from serin_server.metrics.server import ServerMetrics
from serin_server.process.assembly import metrics_of, watches_of
from serin_server.process.loading import Loading
from serin_server.process.member import Member
from serin_server.process.serve import Server, run_server, settled
from serin_server.process.termination import write_failure
from serin_server.records.log import Log
from serin_server.refusals import Kind, Refusal

if TYPE_CHECKING:
    from serin_server.rpc.service import InferenceService

_LOADED_AT_A_TIME: Final = 4
"""A source that hangs keeps few others waiting, and trials that are timed do not compete with all of them."""
_HARMLESS: Final = frozenset({"unload_dependents"})
_EXTENSION: Final = "model_repository"


def serve_pack(settings: Settings) -> int:
    """Serves several models until SIGTERM or SIGINT and returns the exit code. Raises `InvalidSetting`."""
    members_of(settings)
    return run_server(partial(PackServer, settings))


class PackServer(Server):
    """One process with several models. It is also the repository of them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._front = self._member.served
        self._front.extensions += (_EXTENSION, *(("explain",) if settings.explain == "on" else ()))
        self._members = {
            name: self._member_of(own, metrics_of(own, self.metrics.started_at, MemberMetrics), _log_of(own))
            for name, own in members_of(settings).items()
        }
        for member in self._members.values():
            self._watches += watches_of(member.settings, None, None, member.signer)
        self._gate = asyncio.Semaphore(_LOADED_AT_A_TIME)
        self._locks = {name: asyncio.Lock() for name in self._members}
        self._trying: dict[str, asyncio.Task[int]] = {}

    # What a server is made of.

    def _new_metrics(self, started_at: float) -> ServerMetrics:
        return metrics_of(self._settings, started_at, FrontMetrics)

    def _router(self, limits: BodyLimits, loop: asyncio.AbstractEventLoop) -> PortRouter:
        models = {
            name: Model(member.router(limits, loop), member.plane, name, member.settings.revision)
            for name, member in self._members.items()
        }
        router = PackRouter(models, self, loop)
        for member in self._members.values():
            member.port = router
        return router

    def _http_server(self, router: Router, plane: DataPlane, loop: asyncio.AbstractEventLoop) -> HttpServer:
        if not isinstance(router, PackRouter):
            return super()._http_server(router, plane, loop)
        return PackHttpServer(router, plane, loop, **self._port_limits())

    def _exposed(self) -> Exposed:
        return PackMetrics(self.metrics, [member.metrics for member in self._members.values()])

    def _trimmed(self) -> list[DataPlane]:
        return [member.plane for member in self._members.values()]

    def _service(self) -> "InferenceService":
        from serin_server.rpc.pack import PackService  # noqa: PLC0415 (gRPC costs start time and memory)

        models = {name: (member.served, member.plane) for name, member in self._members.items()}
        return PackService(self._front, self._plane, models, self)

    def _names(self) -> tuple[str, ...]:
        return tuple(self._members)

    def _drain(self) -> None:
        super()._drain()
        for member in self._members.values():
            member.served.is_draining = True

    def _close(self) -> None:
        super()._close()
        for member in self._members.values():
            member.close()

    def _tell_grpc(self) -> None:
        if self._grpc is not None and not self._front.is_draining:
            ready = {name: member.served.is_ready for name, member in self._members.items()}
            self._grpc.tell(ready, is_ready=self.is_ready)

    # The models.

    async def _load(self, loop: asyncio.AbstractEventLoop) -> int:
        """Loads all; returns 0 unless none of them will ever be served."""
        self._trying = {
            name: loop.create_task(self._try_to_serve(member, loop)) for name, member in self._members.items()
        }
        codes = await asyncio.gather(*self._trying.values(), return_exceptions=True)
        if 0 in codes or self._settings.model_control == "on":
            return 0
        failures = [member.served.failure for member in self._members.values() if member.served.failure is not None]
        if not failures:
            return 0
        first, count = failures[0], len(self._members)
        write_failure(
            self._settings.termination_log,
            LoadFailure(first.reason, f"none of {count} models can be served; the first: {first.message}"),
        )
        return first.exit_code

    async def _try_to_serve(self, member: Member, loop: asyncio.AbstractEventLoop) -> int:
        """Tries until the model is served (0) or never will be (the exit code of a server that has it alone)."""
        try:
            return await self._loading(member).until_served(lambda model: self._start_serving(member, model, loop))
        finally:
            self._tell_grpc()

    def _loading(self, member: Member) -> Loading:
        return Loading(member.settings, member.served, member.metrics, member.log, gate=self._gate)

    # The repository.

    @property
    def is_ready(self) -> bool:
        """Whether at least one model is served, and each has been tried."""
        served = [member.served for member in self._members.values()]
        return all(each.is_settled for each in served) and any(each.is_ready for each in served)

    def server_metadata(self) -> dict[str, Any]:
        """What the server says of itself."""
        return self._front.server_metadata()

    def index(self, *, is_ready_only: bool) -> list[dict[str, str]]:
        """Each model with its name, version, state and reason, in Triton's words."""
        told = [_told_in_the_index(member) for member in self._members.values()]
        return [each for each in told if each["state"] == "READY" or not is_ready_only]

    def check(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Raises `Refusal` unless this model may be loaded and unloaded, with these parameters."""
        if self._settings.model_control != "on":
            raise Refusal(Kind.UNKNOWN, "loading and unloading is switched off: SERIN_MODEL_CONTROL=on allows it")
        if name not in self._members:
            known = ", ".join(list(self._members)[:20])
            raise Refusal(
                Kind.UNKNOWN, f"there is no model {name[:200]!r} to load or unload: SERIN_MODELS names {known}"
            )
        if strange := [key for key in parameters if key not in _HARMLESS]:
            raise Refusal(
                Kind.MALFORMED,
                f"{strange[0][:100]!r} cannot be given: models are loaded from where, and as, SERIN_MODELS says",
            )

    async def load(self, name: str) -> None:
        """Loads a model, or loads it anew. Raises `Refusal` where that fails; what was served then goes on."""
        member, loop = self._members[name], asyncio.get_running_loop()
        async with self._locks[name]:
            self._give_up_trying(name)
            try:
                await self._loading(member).once(lambda model: self._start_serving(member, model, loop))
            except LoadFailure as failure:
                raise Refusal(
                    Kind.MALFORMED, f"model {name!r} was not loaded ({failure.reason}): {failure.message}"
                ) from None
            finally:
                self._tell_grpc()

    async def unload(self, name: str) -> None:
        """Serves a model no longer; what is in flight is answered, and its memory is given back."""
        member = self._members[name]
        async with self._locks[name]:
            self._give_up_trying(name)
            member.stop()
            member.log.info("unloaded")
            gc.unfreeze()
            settled()
            self._memory.limit_bytes = self._budget_bytes()
            self._tell_grpc()

    def _give_up_trying(self, name: str) -> None:
        if (task := self._trying.get(name)) is not None:
            task.cancel()


def _log_of(settings: Settings) -> Log:
    return Log(settings.log_format, settings.log_level, model=settings.model_name, revision=settings.revision)


def _told_in_the_index(member: Member) -> dict[str, str]:
    state = member.served.readiness()
    word = "READY" if state["ready"] else "LOADING" if state["reason"] == "Loading" else "UNAVAILABLE"
    reason = "" if word != "UNAVAILABLE" else f"{state['reason']}: {state['message']}"
    return {"name": member.served.name, "version": member.served.revision, "state": word, "reason": reason}
