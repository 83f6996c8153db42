"""Large runs of a real model: the loop goes on meanwhile, and their memory comes back."""

import json
import threading
import urllib.request

import numpy as np
import pytest
from tests.support.models import laborious
from tests.support.serving import serving, tensor, wait_for

pytestmark = pytest.mark.slow

ROWS, WIDTH, LAYERS = 20_000, 256, 40
SMALL = tensor("x", "FP32", [1, WIDTH], [0.5] * WIDTH)


@pytest.fixture
def server(tmp_path):
    model = laborious(tmp_path / "m.onnx", size=WIDTH, layers=LAYERS)
    with serving(model, tmp_path, max_batch_rows=1 << 20) as running:
        yield running


def ask_for_many(server, count=ROWS):
    """A request in raw bytes that asks for a sum of little: its answer is as large as itself."""
    values = np.full((count, WIDTH), 0.5, np.float32)
    told = {"name": "x", "datatype": "FP32", "shape": [count, WIDTH], "parameters": {"binary_data_size": values.nbytes}}
    head = json.dumps({"inputs": [told], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(server.url("/v2/models/m/infer"), head + values.tobytes(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert len(answer.read()) > values.nbytes


def test_small_requests_are_answered_while_a_large_one_runs(server):
    assert server.infer(SMALL)[0] == 200
    asked = threading.Thread(target=ask_for_many, args=(server,))
    asked.start()
    while not server.metric("serin_requests_in_flight"):
        assert asked.is_alive()
    answered = 0
    while server.metric("serin_requests_in_flight"):
        assert server.infer(SMALL)[0] == 200
        assert server.get("/v2/health/live")[0] == 200
        answered += 1
    asked.join()
    assert answered >= 5


def test_memory_of_a_large_run_comes_back_after_some_small_ones(server):
    for _ in range(5):
        server.infer(SMALL)
    before = server.resident_bytes()
    ask_for_many(server)
    held = server.resident_bytes() - before
    for _ in range(30):
        assert server.infer(SMALL)[0] == 200
    assert held > 20 << 20
    wait_for(lambda: server.resident_bytes() - before < held / 2)


def test_memory_of_a_large_run_comes_back_while_nobody_asks(server):
    before = server.resident_bytes()
    ask_for_many(server)
    held = server.resident_bytes() - before
    wait_for(lambda: server.resident_bytes() - before < max(held / 2, 16 << 20))
