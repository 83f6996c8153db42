"""Listening sockets whose certificates may be replaced while they listen."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from serin_server.security.tls import Certificates

_BACKLOG: Final = 1024


class TlsListener:
    """Accepts connections with the newest certificates.

    A listening server of asyncio keeps the context that it began with. So for a new one another server takes over: it
    listens on duplicates of the same sockets, whose queues of connections that wait to be accepted go on, and only then the
    one before ends. Connections that are open keep what they agreed on.
    """

    def __init__(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        certificates: Certificates,
        loop: asyncio.AbstractEventLoop,
        *,
        is_rpc: bool = False,
    ) -> None:
        """`is_rpc` listens to clients of gRPC, who agree on HTTP/2."""
        self._protocol = protocol
        self._certificates = certificates
        self._loop = loop
        self._is_rpc = is_rpc
        self._context: ssl.SSLContext | None = None
        self._servers: list[asyncio.Server] = []

    async def listen(self, sockets: Iterable[socket.socket]) -> None:
        """Begins to listen on sockets that are bound, which are its own from then on. Raises `OSError`."""
        self._context = self._newest()
        self._servers = [await self._server(each, self._context) for each in sockets]

    async def follow(self) -> None:
        """Takes the newest certificates. Raises `OSError` when it cannot, and goes on with those before."""
        context, before = self._newest(), self._servers
        if context is self._context or not before:
            return
        following: list[asyncio.Server] = []
        try:
            for listening in self.sockets:
                again = socket.socket(fileno=os.dup(listening.fileno()))
                following.append(await self._server(again, context))
        except OSError:
            _close(following)
            raise
        if self._servers is not before:  # closed meanwhile
            _close(following)
            return
        self._servers, self._context = following, context
        _close(before)

    def _newest(self) -> ssl.SSLContext:
        return self._certificates.rpc_context if self._is_rpc else self._certificates.context

    async def _server(self, listening: socket.socket, context: ssl.SSLContext) -> asyncio.Server:
        return await self._loop.create_server(self._protocol, sock=listening, ssl=context, backlog=_BACKLOG)

    @property
    def sockets(self) -> Sequence[Any]:
        """The sockets that listen."""
        return [each for server in self._servers for each in server.sockets]

    def close(self) -> None:
        """Accepts nobody any more; connections that are open go on."""
        _close(self._servers)
        self._servers = []


Listener = asyncio.Server | TlsListener
"""Whatever listens, and may be closed."""


def _close(servers: Sequence[asyncio.Server]) -> None:
    for server in servers:
        server.close()
