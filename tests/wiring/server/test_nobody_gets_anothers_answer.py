"""64 clients at once, each with rows of its own: whatever a model does with the rows of a run, each gets what it gets alone.

``SERIN_REQUESTS_A_CLIENT=1600`` sends as many as a person would who does not believe it; continuous integration sends few.
"""

import asyncio
import json
import os

import numpy as np
import pytest
from onnxruntime import InferenceSession
from tests.support.graphs import written
from tests.support.serving import serving

pytestmark = pytest.mark.slow

CLIENTS = 64
REQUESTS = int(os.environ.get("SERIN_REQUESTS_A_CLIENT", "25"))
WIDTH = 4
ROWS = (1, 1, 1, 2, 3)
"""Rows of a client's requests, in turn."""

W = "float[4,4] w = {1,-2,3,-4,5,6,-7,8,-9,1,2,-3,4,5,-6,7}"
TIMES = "float[1,3,4] w = {0.1,0.2,-0.3,0.4,0.5,-0.6,0.7,0.8,-0.9,0.1,0.2,0.3}, float[1,3,3] r = {0.3,0.1,0.2,-0.4,0.5,0.6,0.1,0.2,0.3}"
BACKWARDS = "int64[1] from = {-1}, int64[1] to = {-9223372036854775807}, int64[1] axes = {0}, int64[1] steps = {-1}"

MIXING = {
    "a softmax over the batch": "(float[N,4] x) => (float[N,4] y) { y = Softmax<axis = 0>(x) }",
    "a running sum of rows": "(float[N,4] x) => (float[N,4] y) <int64 axis = {0}> { y = CumSum(x, axis) }",
    "rows beside their mean": "(float[N,4] x) => (float[N,4] y) { m = ReduceMean<axes = [0]>(x) y = Sub(x, m) }",
    "a scale of all numbers": "(float[N,4] x) => (float[N,4] y) { m = ReduceMax<keepdims = 0>(x) y = Div(x, m) }",
    "dynamic quantisation": f"(float[N,4] x) => (int32[N,4] y) <uint8[4,4] w = {{{','.join(map(str, range(16)))}}}>"
    " { q, s, z = DynamicQuantizeLinear(x) y = MatMulInteger(q, w, z) }",
    "a network over time": f"(float[T,4] x) => (float[T,3] y) <{TIMES}, int64[1] one = {{1}}, int64[2] two = {{1, 2}}>"
    " { t = Unsqueeze(x, one) a, b = RNN<hidden_size = 3>(t, w, r) y = Squeeze(a, two) }",
    "rows in reverse": f"(float[N,4] x) => (float[N,4] y) <{BACKWARDS}> {{ y = Slice(x, from, to, axes, steps) }}",
    "rows by their size": "(float[N,4] x) => (float[N,4] y) <int64[1] zero = {0}, int64[1] one = {1}>"
    " { s = Shape(x) k = Slice(s, zero, one) y, i = TopK<axis = 0>(x, k) }",
}  # fmt: skip
INDEPENDENT = {
    "a line": f"(float[N,4] x) => (float[N,4] y) <{W}> {{ y = MatMul(x, w) }}",
    "a small network": f"(float[N,4] x) => (float[N,4] y) <{W}> {{ a = MatMul(x, w) b = Relu(a) c = MatMul(b, w) y = Softmax<axis = 1>(c) }}",
    "a class": f"(float[N,4] x) => (int64[N] y) <{W}> {{ a = MatMul(x, w) y = ArgMax<axis = 1, keepdims = 0>(a) }}",
    "rows beside their own mean": "(float[N,4] x) => (float[N,4] y) { m = ReduceMean<axes = [1]>(x) y = Sub(x, m) }",
    "a norm of each row": "(float[N,4] x) => (float[N,4] y) <float[4] s = {1,2,3,4}> { y = LayerNormalization<axis = 1>(x, s) }",
    "a running sum in each row": "(float[N,4] x) => (float[N,4] y) <int64 axis = {1}> { y = CumSum(x, axis) }",
    "columns by their size": "(float[N,4] x) => (float[N,2] y) <int64[1] k = {2}> { y, i = TopK<axis = 1>(x, k) }",
    "bounds": "(float[N,4] x) => (float[N,4] y) <float low = {-1}, float high = {1}> { a = Tanh(x) y = Clip(a, low, high) }",
}


def questions(file, client):
    """What a client asks again and again, and what the model answers when nobody else is there."""
    random, alone = np.random.default_rng(client), InferenceSession(file)
    for rows in ROWS:
        given = (random.normal(size=(rows, WIDTH)) * 3 + client).astype(np.float32)
        tensor = {"name": "x", "datatype": "FP32", "shape": [rows, WIDTH], "data": given.ravel().tolist()}
        body = json.dumps({"inputs": [tensor]}).encode()
        yield body, alone.run(["y"], {"x": given})[0].ravel()


async def ask(port, asked):
    """A client's requests, one after the other; how many answers were not its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wrong = 0
    for number in range(REQUESTS):
        body, expected = asked[number % len(asked)]
        writer.write(b"POST /v2/models/m/infer HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        answer = json.loads(await reader.readexactly(length))
        got = np.array(answer["outputs"][0]["data"]) if head.startswith(b"HTTP/1.1 200") else np.array([])
        wrong += got.shape != expected.shape or not np.allclose(got, expected, rtol=1e-5, atol=1e-6)
        if b"connection: close" in head.lower():
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return wrong


def served(file, folder):
    """Wrong answers, requests a run, and whether runs are shared."""

    async def all_at_once(port):
        asked = [list(questions(file, client)) for client in range(CLIENTS)]
        return sum(await asyncio.gather(*(ask(port, each) for each in asked)))

    with serving(file, folder) as server:
        wrong = asyncio.run(all_at_once(server.port("http")))
        runs = server.metric("serin_batch_size_count")
        return wrong, CLIENTS * REQUESTS / runs, server.get("/v2/models/m")[1]["properties"]["batching"]


@pytest.mark.parametrize("model", MIXING.values(), ids=MIXING)
def test_a_model_whose_rows_meet_runs_each_request_alone(tmp_path, model):
    assert served(written(tmp_path, model), tmp_path) == (0, 1.0, "alone")


@pytest.mark.parametrize("model", INDEPENDENT.values(), ids=INDEPENDENT)
def test_a_model_whose_rows_do_not_meet_shares_runs_and_mixes_nothing_up(tmp_path, model):
    wrong, requests_a_run, batching = served(written(tmp_path, model), tmp_path)
    assert (wrong, batching) == (0, "proven")
    assert requests_a_run > 1
