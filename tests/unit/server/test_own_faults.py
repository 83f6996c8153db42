"""A fault of the server itself costs the request that found it, and nobody else."""

import asyncio
from types import SimpleNamespace

import pytest

from serin_server.dataplane.call import Call
from serin_server.dataplane.memory import MemoryBudget
from serin_server.dataplane.plane import DataPlane
from serin_server.http.connection import HttpConnection
from serin_server.http.messages import json_response
from serin_server.http.server import HttpServer
from serin_server.metrics.server import ServerMetrics

LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "1", "server_id": "p"}


class Router:
    """An address that is sound, one that raises, and one of inference."""

    def infer_address(self, request):
        return request.target.startswith(b"/infer")

    def answer(self, request):
        if request.target == b"/fault":
            raise ZeroDivisionError
        return json_response({})


def read(body, json_length):
    if body == b"read":
        raise ZeroDivisionError
    return Call([], 1, None, "1")


def write(call):
    raise ZeroDivisionError


@pytest.fixture
async def server(monkeypatch):
    loop = asyncio.get_running_loop()
    plane = DataPlane(ServerMetrics(LABELS, 0.0), 1, MemoryBudget(1 << 20))
    plane.loaded = SimpleNamespace(
        reader=SimpleNamespace(read=read),
        batcher=SimpleNamespace(submit=lambda call, done: loop.call_soon(done, call)),
        writer=SimpleNamespace(write=write),
    )
    faults = []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    http = HttpServer(Router(), (), plane, loop)
    listener = await loop.create_server(lambda: HttpConnection(http), "127.0.0.1", 0)
    yield SimpleNamespace(port=listener.sockets[0].getsockname()[1], plane=plane, faults=faults)
    http.stop()
    listener.close()


@pytest.mark.parametrize(
    ("found", "errors"),
    [
        (b"GET /fault HTTP/1.1\r\nhost: t\r\n\r\n", 0),
        *[(b"POST /infer HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\n" + at, 2) for at in (b"read", b"done")],
    ],
)
async def test_a_fault_is_answered_and_told_and_the_connection_goes_on(server, found, errors):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET / HTTP/1.1\r\nhost: t\r\n\r\n" + found * 2 + b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
    )
    answers = await asyncio.wait_for(reader.read(), 5)
    assert [answers[at + 9 : at + 12] for at in _places(answers, b"HTTP/1.1 ")] == [b"200", b"500", b"500", b"200"]
    assert [type(fault) for fault in server.faults] == [ZeroDivisionError] * 2
    assert server.plane.metrics.in_flight == 0
    # A new version's outputs may be what the fault is about: whatever its clients see as a failure is an error of it.
    assert server.plane.metrics.requests.values.get(("500", "true"), 0) == errors
    writer.close()


def _places(text, part):
    return [at for at in range(len(text)) if text.startswith(part, at)]
