"""`POST /v1/embeddings`: OpenAI's interface, for models that make embeddings. It counts as inference, and shares runs with it."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Final, TypeVar

from serin_server.dataplane.call import Call, is_large
from serin_server.dataplane.memory import UNCOUNTED_BYTES, Holding
from serin_server.dataplane.plane import DataPlane, Loaded
from serin_server.embedding.embedder import Embedder
from serin_server.embedding.question import Question, question_of
from serin_server.http.body import BodyLimits, pay
from serin_server.http.faults import fault
from serin_server.http.messages import Later, Request, Response, refused_at
from serin_server.refusals import STATUS, Kind, Refusal

MAX_BYTES: Final = 4 << 20
_ASIDE_BYTES: Final = 64 * 1024
"""Reading more would keep others waiting."""
_TIMES: Final = 10
"""What a body's tokens take as numbers, beside itself."""
Result = TypeVar("Result")


class Embeddings:
    """Answers for every model of a port that makes embeddings; a question names its model."""

    def __init__(self, limits: BodyLimits, loop: asyncio.AbstractEventLoop) -> None:
        self._limits = limits.at_most(MAX_BYTES)
        self._loop = loop
        self._models: dict[str, tuple[DataPlane, Embedder | str]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def use(self, name: str, plane: DataPlane, embedder: Embedder | str) -> None:
        """From now on this model is asked through this plane; a text says why it cannot be asked."""
        self._models[name] = plane, embedder

    def answer(self, request: Request) -> Response | Later:
        """What will answer a question."""
        if request.method != b"POST":
            return refused_at(request.target, Refusal(Kind.METHOD, "embeddings are asked for with POST"))

        def later(respond: Callable[[Response], None]) -> None:
            task = self._loop.create_task(self._answer(request, respond))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

        return later

    async def _answer(self, request: Request, respond: Callable[[Response], None]) -> None:
        try:
            body, request.body = self._limits.plain(request), b""
            if len(body) > UNCOUNTED_BYTES:
                pay(request, _TIMES * len(body), self._limits.memory)
            question = await self._aside(len(body) > _ASIDE_BYTES, partial(question_of, body))
            plane, embedder = self._asked(question.model)
        except Refusal as refusal:  # of nobody's model
            respond(refused_at(request.target, refusal))
        except Exception as error:  # noqa: BLE001 (a fault of our own)
            respond(refused_at(request.target, fault(self._loop, error)))
        else:
            respond(await self._of_model(request, question, plane, embedder))

    def _asked(self, name: str) -> tuple[DataPlane, Embedder]:
        if name not in self._models:
            able = sorted(each for each, (_, embedder) in self._models.items() if not isinstance(embedder, str))
            known = ", ".join(able[:20]) or "none"
            raise Refusal(Kind.UNKNOWN, f"no model {name[:200]!r} makes embeddings here; those that do: {known}")
        plane, embedder = self._models[name]
        if isinstance(embedder, str):
            raise Refusal(Kind.UNEXPLAINABLE, f"model {name!r} makes no embeddings: {embedder}")
        return plane, embedder

    async def _of_model(self, request: Request, question: Question, plane: DataPlane, embedder: Embedder) -> Response:
        started, was_submitted = request.started or perf_counter(), False
        try:
            loaded = plane.admit()
            arrays = embedder.arrays(question)
            holding = request.holding = request.holding or Holding(self._limits.memory)
            holding.grow(sum(array.nbytes for array in arrays))
            call = loaded.reader.call_of(arrays, None)
            call.started, call.trace = started, request.trace
            was_submitted = True
            await self._run(plane, loaded, call)
            refusal, call.refusal = call.refusal, None
            if refusal is not None:
                raise refusal
            told = await self._aside(is_large(call), partial(embedder.answer, call, question, question.model))
            if len(told) > UNCOUNTED_BYTES:
                holding.grow(len(told))
        except Exception as error:  # noqa: BLE001 (refusals, and faults of our own)
            refusal = error if isinstance(error, Refusal) else fault(self._loop, error)
            status = STATUS[refusal.kind]
            plane.refused(refusal, status, started, was_submitted=was_submitted, trace=request.trace)
            return refused_at(request.target, refusal.with_traceback(None))
        plane.succeeded(call)
        call.forget()
        return Response(200, told)

    async def _run(self, plane: DataPlane, loaded: Loaded, call: Call) -> None:
        finished: asyncio.Future[None] = self._loop.create_future()

        def done(answered: Call) -> None:
            # A run that took too long answers by a stand-in for the call.
            call.outputs, call.refusal = answered.outputs, answered.refusal
            finished.set_result(None)

        plane.metrics.in_flight += 1
        loaded.batcher.submit(call, done)
        await finished

    async def _aside(self, is_long: bool, work: Callable[[], Result]) -> Result:
        return await self._loop.run_in_executor(None, work) if is_long else work()
