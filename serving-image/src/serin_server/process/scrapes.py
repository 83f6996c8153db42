"""The metrics port of several processes: asks each for its metrics and answers with one exposition.

A small server of its own, because the parent holds no model and stays small. What a client may cost is bounded: ten
seconds for its head, so many connections; beyond them the one that has been silent for longest gives way.
"""

import asyncio
import socket
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from serin_server.metrics.merge import merged

MOST_CONNECTIONS: Final = 32
_HEAD_BYTES: Final = 16 * 1024
_CLIENT_SECONDS: Final = 10.0
_SCRAPE_SECONDS: Final = 5.0
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Scrapes:
    """Answers scrapes of a server with several processes.

    Args:
        files: The Unix sockets on which the processes tell their metrics.
        client_seconds: How long a client may take to ask, and to take its answer.
    """

    def __init__(self, files: Sequence[Path], client_seconds: float = _CLIENT_SECONDS) -> None:
        self._files = files
        self._client_seconds = client_seconds
        self._servers: list[asyncio.Server] = []
        self._waiting: dict[asyncio.StreamWriter, None] = {}
        """Clients that have not asked yet, the longest waiting first."""
        self.connections = 0

    async def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Answers on sockets that are bound already."""
        for each in sockets:
            self._servers.append(await asyncio.start_server(self._served, sock=each, limit=_HEAD_BYTES))

    def close(self) -> None:
        """Takes no more clients."""
        for server in self._servers:
            server.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._waiting[writer] = None
        self.connections += 1
        if self.connections > MOST_CONNECTIONS:
            self._make_room()
        try:
            async with asyncio.timeout(self._client_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
                self._waiting.pop(writer, None)
            response = await self._response(head)
            async with asyncio.timeout(self._client_seconds):
                writer.write(response)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        finally:
            self._waiting.pop(writer, None)
            self.connections -= 1

    def _make_room(self) -> None:
        for oldest in list(self._waiting)[:1]:
            del self._waiting[oldest]
            oldest.transport.abort()

    async def _response(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        target = rest.partition(b" ")[0]
        if target.startswith(b"/v2/"):
            return await self._health(method, target)
        if target.partition(b"?")[0] != b"/metrics":
            return _response(HTTPStatus.NOT_FOUND, "this port has /metrics, and health and readiness under /v2\n")
        if method not in (b"GET", b"HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "metrics are read with GET\n", "Allow: GET, HEAD")
        try:
            async with asyncio.timeout(_SCRAPE_SECONDS):
                text = merged(await asyncio.gather(*(self._told(file) for file in self._files)))
        except (OSError, TimeoutError, ValueError, LookupError) as error:
            why = str(error) or "it took too long"
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, f"a process does not tell its metrics: {why}\n")
        response = _response(HTTPStatus.OK, text)
        return response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else response

    async def _health(self, method: bytes, target: bytes) -> bytes:
        """What the first process says: it is ready when all are, and when one dies all end."""
        try:
            async with asyncio.timeout(_SCRAPE_SECONDS):
                return await self._asked(self._files[0], method, target)
        except (OSError, TimeoutError) as error:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, f"no process answers: {error or 'it took too long'}\n")

    async def _asked(self, file: Path, method: bytes, target: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(file))
        try:
            writer.write(method + b" " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return await reader.read()
        finally:
            writer.close()

    async def _told(self, file: Path) -> str:
        answer = await self._asked(file, b"GET", b"/metrics")
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.split(b" ", 2)[1:2] != [b"200"]:
            raise ValueError("its answer was no 200")
        return body.decode()


def _response(status: HTTPStatus, text: str, *headers: str) -> bytes:
    body = text.encode()
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
