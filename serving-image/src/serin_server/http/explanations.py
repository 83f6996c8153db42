"""Explanations over HTTP: read, made and written in one thread of their own, so that inference never waits for them."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from time import time
from typing import Final

import orjson

from serin_server.dataplane.memory import Holding
from serin_server.dataplane.request import RequestReader
from serin_server.explaining.counts import ExplanationCounts
from serin_server.explaining.explainer import Explainer
from serin_server.explaining.question import answer_of, question_of
from serin_server.http.body import BodyLimits
from serin_server.http.faults import fault
from serin_server.http.messages import Later, Request, Response, refused
from serin_server.model.served import ServedModel
from serin_server.refusals import Kind, Refusal

MAX_BYTES: Final = 4 << 20
"""Largest body of a question; rows are few."""
_Job = tuple[Request, Callable[[Response], None]]
_Outcome = tuple[bytes, int] | Exception


class Explanations:
    """Explains one at a time; a few wait, and more are told to come again."""

    def __init__(
        self,
        served: ServedModel,
        limits: BodyLimits,
        loop: asyncio.AbstractEventLoop,
        most_waiting: int,
        counts: ExplanationCounts,
    ) -> None:
        self._served = served
        self._limits = limits.at_most(MAX_BYTES)
        self._loop = loop
        self._most_waiting = most_waiting
        self._counts = counts
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._under_way = 0
        self._thread: threading.Thread | None = None
        self.problem = ""
        """Why the model that is served cannot be explained, and the way out."""
        self._ready: tuple[RequestReader, Explainer] | None = None

    def use(self, reader: RequestReader, explainer: Explainer) -> None:
        """From now on questions are read and answered by these."""
        self._ready = reader, explainer

    def answer(self, request: Request) -> Response | Later:
        """The answer to a question that cannot be asked now, or ever; else what will answer it."""
        try:
            self._admit()
        except Refusal as refusal:
            return self._refused(refusal)

        def later(respond: Callable[[Response], None]) -> None:
            self._under_way += 1
            self._jobs.put((request, respond))

        if self._thread is None:
            # A daemon: a graph may never end, and a process that leaves does not wait for it.
            self._thread = threading.Thread(target=self._work, name="explanations", daemon=True)
            self._thread.start()
        return later

    def _admit(self) -> None:
        self._served.loaded()
        if self._ready is None:
            raise Refusal(Kind.UNEXPLAINABLE, self.problem)
        if self._under_way > self._most_waiting:
            raise Refusal(
                Kind.OVERLOADED, f"one explanation is being made and {self._most_waiting} wait: try again in a moment"
            )

    def _work(self) -> None:
        while True:
            request, respond = self._jobs.get()
            outcome = self._outcome(request)
            with suppress(RuntimeError):  # the loop has ended, and everybody with it
                self._loop.call_soon_threadsafe(self._tell, outcome, respond)
            del request, respond, outcome  # or it would hold them until the next one comes

    def _tell(self, outcome: _Outcome, respond: Callable[[Response], None]) -> None:
        self._under_way -= 1
        if isinstance(outcome, Exception):
            respond(self._refused(outcome if isinstance(outcome, Refusal) else fault(self._loop, outcome)))
            return
        body, evaluations = outcome
        self._counts.explanations.add("200")
        self._counts.evaluations += evaluations
        respond(Response(200, body))

    def _refused(self, refusal: Refusal) -> Response:
        answer = refused(refusal)
        self._counts.explanations.add(str(answer.status))
        return answer

    def _outcome(self, request: Request) -> _Outcome:
        """The answer's body, or what is wrong."""
        try:
            return self._made(request)
        except Refusal as refusal:
            return refusal.with_traceback(None)
        except Exception as error:  # noqa: BLE001 (a fault of our own: the loop tells it)
            return error

    def _made(self, request: Request) -> tuple[bytes, int]:
        if self._ready is None:
            raise AssertionError("nothing is asked before there is an answer")
        reader, explainer = self._ready
        json_length = request.headers.get(b"inference-header-content-length")
        body, request.body = self._limits.plain(request), b""
        holding = request.holding = request.holding or Holding(self._limits.memory)
        holding.grow(len(body) + explainer.memory_bytes())
        call = reader.read_large(body, json_length, holding)
        question = question_of(call, memoryview(body)[: int(json_length)] if json_length else body)
        explained = explainer.explain(question)
        told = answer_of(explained, explainer.names, explainer.background_rows)
        served = self._served
        told["parameters"] |= {"predicted_at": round(time(), 3), "serin_version": served.version}
        about = {"model_name": served.name, "model_version": served.revision, "id": call.id}
        return orjson.dumps({**about, **told}), told["parameters"]["evaluations"]
