"""The collector's port, as an application of ASGI: batches come in, health and metrics go out."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from serin_server.collector.counts import Counts
from serin_server.collector.frames import frame_of
from serin_server.collector.spool import Spool, SpoolFull
from serin_server.collector.tables import Batch, Malformed, batch_of
from serin_server.keys import keys_in
from serin_server.records.predictions.wire import PATH

_READ_SECONDS: Final = 30.0
_AT_A_TIME: Final = 8
"""Batches whose bytes are in memory; others wait in their sockets."""
_MOST_POSTS: Final = 1024
"""Batches that are taken or wait to be; each has up to 64 KiB of its socket in memory."""
_TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"
_JSON: Final = b"application/json"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Answer(Exception):
    """Ends a request: a status, why, and by which outcome it is counted."""

    def __init__(self, status: int, said: str, outcome: str = "") -> None:
        super().__init__(said)
        self.status = status
        self.outcome = outcome


class Application:
    """Takes batches. A batch is acknowledged (200) when it is safe in the spool, and not before."""

    def __init__(
        self, spool: Spool, counts: Counts, *, key_file: Path | None, max_bytes: int, hidden: frozenset[str]
    ) -> None:
        self._spool = spool
        self._counts = counts
        self._key_file = key_file
        self._max_bytes = max_bytes
        self._hidden = hidden
        self._posts = 0
        self._taking = asyncio.Semaphore(_AT_A_TIME)
        self._converting = asyncio.Semaphore(1)
        """One batch at a time is in memory as objects of Python."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        try:
            status, content_type, body = await self._answer(scope, receive)
        except _Answer as answer:
            if answer.outcome:
                self._counts.batches.labels(answer.outcome).inc()
            status, content_type = answer.status, _JSON
            body = json.dumps({"error": str(answer)}).encode()
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        if status == 503:
            headers.append((b"retry-after", b"5"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, bytes]:
        method, path = scope["method"], scope["path"]
        match path:
            case "/healthz" | "/readyz" if method in ("GET", "HEAD"):
                return 200, _JSON, b"{}"
            case "/metrics" if method in ("GET", "HEAD"):
                self._counts.spool.set(self._spool.waiting_bytes)
                return 200, _TEXT, self._counts.exposition()
            case _ if path == PATH and method == "POST":
                self._check(scope["headers"])
                return 200, _JSON, await self._in_turn(scope["headers"], receive)
            case _:
                raise _Answer(404, f"there is POST {PATH}, and GET of /healthz, /readyz and /metrics")

    def _check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        if self._key_file is None:
            return
        shown = next((value for name, value in headers if name == b"authorization"), b"")
        try:
            keys = keys_in(self._key_file).by_id.values()
        except (OSError, ValueError):
            raise _Answer(503, "the collector's key cannot be read", "unauthorized") from None
        if not any(compare_digest(shown, b"Bearer " + key) for key in keys):
            raise _Answer(401, "show a key of this collector: Authorization: Bearer …", "unauthorized")

    async def _in_turn(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
        if self._posts >= _MOST_POSTS:
            raise _Answer(503, "too many batches come at once", "busy")
        self._posts += 1
        try:
            async with self._taking:
                return await self._take(await self._body(headers, receive))
        finally:
            self._posts -= 1

    async def _body(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
        too_large = _Answer(413, f"a batch has at most {self._max_bytes} bytes", "too_large")
        length = next((value for name, value in headers if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > self._max_bytes:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(_READ_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _Answer(400, "the batch broke off", "malformed")
                    pieces.append(message.get("body", b""))
                    size += len(pieces[-1])
                    if size > self._max_bytes:
                        raise too_large
                    if not message.get("more_body"):
                        return b"".join(pieces)
        except TimeoutError:
            raise _Answer(408, f"the batch did not come within {_READ_SECONDS:g} s", "malformed") from None

    async def _take(self, body: bytes) -> bytes:
        try:
            async with self._converting:
                batch, frame = await asyncio.get_running_loop().run_in_executor(None, self._read, body)
            is_new = await self._spool.append(batch.name, frame)
        except Malformed as error:
            raise _Answer(400, str(error), "malformed") from None
        except SpoolFull as error:
            raise _Answer(503, str(error), "full") from None
        self._counts.batches.labels("acknowledged" if is_new else "repeated").inc()
        if is_new:
            self._counts.records.labels("prediction").inc(batch.predictions)
            self._counts.records.labels("label").inc(batch.labels)
        return b'{"acknowledged":%d}' % (batch.predictions + batch.labels)

    def _read(self, body: bytes) -> tuple[Batch, bytes]:
        batch = batch_of(body, self._hidden)
        return batch, frame_of(batch)
