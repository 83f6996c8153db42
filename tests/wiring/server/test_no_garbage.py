"""Requests leave no reference cycles behind: what they held is free at once, and not when the collector comes round."""

import asyncio
import gc
import json

import pytest
import uvloop
from tests.support.models import doubling
from tests.support.serving import tensor
from tests.support.wire import Wire, request

from serin_server.config.settings import Settings
from serin_server.dataplane.memory import MemoryBudget
from serin_server.dataplane.plane import DataPlane
from serin_server.http.body import BodyLimits
from serin_server.http.connection import HttpConnection
from serin_server.http.routes import ProtocolRouter
from serin_server.http.server import HttpServer
from serin_server.metrics.server import ServerMetrics
from serin_server.model.served import ServedModel
from serin_server.process.assembly import feedback_of, loaded_of
from serin_server.process.model import load_as_set

LABELS = {"model_namespace": "n", "model_name": "m", "model_version": "v", "model_revision": "1", "server_id": "p"}
INFER = "/v2/models/m/infer"
TIMES = 20


def infer(**changes):
    return request(
        "POST", INFER, json.dumps({"inputs": [{**tensor("x", "FP32", [1, 3], [1, 2, 3]), **changes}]}).encode()
    )


REQUESTS = {
    "an inference": infer(),
    "no JSON": request("POST", INFER, b"{"),
    "an unknown tensor": infer(name="nobody"),
    "another shape": infer(shape=[1, 4], data=[1, 2, 3, 4]),
    "too much data": infer(data=[1] * 50_000),
    "an element of another kind": infer(data=[1, "a", 3]),
    "feedback that is none": request("POST", "/v2/models/m/feedback", b"{}"),
    "an unknown address": request("GET", "/v2/nothing", None),
    "garbage": b"\x00\x01\r\n\r\n",
    "a head that is too large": b"GET /v2 HTTP/1.1\r\nhost: t\r\nx: " + b"y" * 20_000 + b"\r\n\r\n",
    "a body that is too large": b"POST /v2 HTTP/1.1\r\nhost: t\r\ncontent-length: 999999999\r\n\r\n",
}


def ask(port, sent, times):
    for _ in range(times):
        with Wire(port) as wire:
            wire.send(sent).answer()


async def left_behind(folder, sent):
    """How many objects the collector finds after some requests on connections of their own."""
    loop = asyncio.get_running_loop()
    settings = Settings(model_uri=str(doubling(folder / "m.onnx")), model_name="m", cache_dir=folder / "cache")
    served = ServedModel("m", "v", "1")
    served.model = load_as_set(settings)
    plane = DataPlane(ServerMetrics(LABELS, 0.0), 64, MemoryBudget(64 << 20))
    plane.loaded = loaded_of(settings, served.model, plane.metrics, loop, None)
    limits = BodyLimits(plane.memory, 1 << 26, 10.0)
    router = ProtocolRouter(served, feedback_of(settings, plane.metrics, None), None, limits, plane.metrics)
    http = HttpServer(router, (INFER.encode(),), plane, loop)
    listener = await loop.create_server(lambda: HttpConnection(http), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    await asyncio.to_thread(ask, port, sent, 2)
    gc.collect()
    gc.disable()
    try:
        await asyncio.to_thread(ask, port, sent, TIMES)
        return gc.collect()
    finally:
        gc.enable()
        http.stop()
        listener.close()


@pytest.mark.parametrize("sent", REQUESTS.values(), ids=REQUESTS)
def test_what_a_request_held_is_free_when_it_is_answered(tmp_path, sent):
    assert uvloop.run(left_behind(tmp_path, sent)) < TIMES
