"""What clients can make the server hold, and whether anybody else notices."""

import gzip
import json
import threading
import time

import numpy as np
import pytest
from tests.support.models import identity
from tests.support.resident import peak, status, watched_health
from tests.support.serving import serving, wait_for
from tests.support.wire import Wire, request
from tritonclient import grpc as grpcclient
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.slow
INFER = "/v2/models/m/infer"
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    with serving(
        identity(folder / "m.onnx", shape=(None, None)), folder, memory_budget_bytes=128 * MEBIBYTE
    ) as running:
        running.infer({"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]})
        yield running


@pytest.fixture(scope="module")
def roomy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roomy")
    with serving(identity(folder / "m.onnx", shape=(None, None)), folder, memory_budget_bytes=1 << 30) as running:
        yield running


def body(data, shape=(1, 3), **more):
    tensor = {"name": "x", "shape": list(shape), "datatype": "FP32", "data": "DATA"}
    return json.dumps({"inputs": [tensor], **more}).replace('"DATA"', data).encode()


MANY = MEBIBYTE // 4
WORST = {
    "objects in parameters": (
        body("[1,2,3]", parameters="P").replace(b'"P"', b"[" + b"{}," * 22_000_000 + b"{}]"),
        413,
    ),
    "integers without end": (body("[" + "1," * 32_000_000 + "1]"), 413),
    "nested lists": (body("[" + "[]," * 300_000 + "[]]"), 400),
    "empty texts": (body("[" + '"",' * 300_000 + '""]'), 400),
    "tensors without end": (b'{"inputs":[' + b"{}," * 300_000 + b"{}]}", 400),
    "a shape without end": (body("[1]").replace(b"[1, 3]", b"[" + b"1," * 500_000 + b"1]"), 413),
    "keys without end": (b"{" + b",".join(b'"%d":0' % number for number in range(80_000)) + b"}", 400),
    "numbers that fit": (body("[" + "1," * (2 * MANY - 1) + "1]", (MANY, 2)), 200),
}


@pytest.mark.parametrize(("sent", "expected"), WORST.values(), ids=WORST)
def test_a_megabyte_from_a_client_costs_a_bounded_multiple(server, sent, expected):
    head = ()
    if len(sent) > 2 * MEBIBYTE:
        sent, head = gzip.compress(sent, 9), ("content-encoding: gzip",)
    assert len(sent) <= 2 * MEBIBYTE
    with peak(server) as risen, Wire(server.port("http"), 60) as wire:
        assert wire.post(INFER, sent, *head).answer().status == expected
    assert risen[0] <= 64 * MEBIBYTE


def test_a_body_in_chunks_of_two_bytes_costs_what_it_holds(server):
    chunks = b"2\r\n1,\r\n" * (4 * MEBIBYTE)
    head = b"POST " + INFER.encode() + b" HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n"
    with peak(server) as risen, watched_health(server) as longest, Wire(server.port("http"), 120) as wire:
        wire.send(head).send(chunks).send(b"0\r\n\r\n")
        assert wire.answer().status == 400
    assert risen[0] <= 48 * MEBIBYTE
    assert longest[0] < 0.2


def test_bodies_beyond_the_budget_are_refused_while_they_come_and_their_memory_comes_back(server):
    before = status(server, "VmRSS")
    sent = body("[" + "1," * 20_000_000 + "1]", (20_000_001, 1))
    answers = []

    def client():
        with Wire(server.port("http"), 120) as wire:
            try:
                wire.post(INFER, sent)
                answers.append(wire.answer().status)
            except (BrokenPipeError, ConnectionResetError):
                answers.append(503)

    with peak(server) as risen:
        threads = [threading.Thread(target=client) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(answers) <= {200, 413, 503}
    # The budget of 128, and what is not counted: outputs of 80, and 32 that the C library keeps.
    assert risen[0] <= 256 * MEBIBYTE
    assert server.metric("serin_memory_held_bytes") == 0
    wait_for(lambda: status(server, "VmRSS") < before + 16 * MEBIBYTE)


def test_health_answers_while_a_large_body_is_parsed_and_answered(roomy):
    count = 5 * MEBIBYTE
    numbers = ",".join(f"{number % 97}.25" for number in range(1000)) + ","
    sent = body("[" + (numbers * (count // 1000))[:-1] + "]", (count // 1000, 1000))
    buffer = memoryview(bytearray(256 * 1024))
    with watched_health(roomy) as longest, Wire(roomy.port("http"), 120) as wire:
        wire.post(INFER, sent)
        size = wire.socket.recv_into(buffer)
        head, _, first = bytes(buffer[:size]).partition(b"\r\n\r\n")
        left = int(head.partition(b"content-length: ")[2].split()[0]) - len(first)
        while left:
            left -= wire.socket.recv_into(buffer)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert longest[0] < 0.5


def test_unfinished_bodies_hold_what_has_come_until_their_clients_go(server):
    before = status(server, "VmRSS")
    wires = [Wire(server.port("http"), 10) for _ in range(20)]
    start = request("POST", INFER, None, f"content-length: {4 * MEBIBYTE}")
    for wire in wires:
        wire.send(start + b" " * (3 * MEBIBYTE))
    wait_for(lambda: server.metric("serin_memory_held_bytes") > 59 * MEBIBYTE)
    assert status(server, "VmRSS") < before + 100 * MEBIBYTE
    for wire in wires:
        wire.socket.close()
    wait_for(lambda: server.metric("serin_memory_held_bytes") == 0)
    wait_for(lambda: status(server, "VmRSS") < before + 16 * MEBIBYTE)


def test_a_body_without_a_key_is_not_kept(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("me:0123456789abcdef\n")
    with serving(identity(tmp_path / "m.onnx", shape=(None, None)), tmp_path, api_keys_file=keys) as server:
        before = server.metric("serin_requests_total", code="401")
        with Wire(server.port("http")) as wire:
            head = request("POST", INFER, None, f"content-length: {50 * MEBIBYTE}")
            wire.send(head + b" " * MEBIBYTE)
            assert wire.answer().status == 401
        with Wire(server.port("http")) as wire:  # a short one costs no connection
            for _ in range(2):
                assert wire.post(INFER, body("[1,2,3]")).answer().status == 401
            assert wire.post(INFER, body("[1,2,3]"), "x-api-key: 0123456789abcdef").answer().status == 200
        assert server.metric("serin_requests_total", code="401") >= before + 2
        assert server.metric("serin_memory_held_bytes") == 0


def test_a_large_answer_reaches_a_slow_reader_whole(tmp_path):
    with serving(identity(tmp_path / "m.onnx", shape=(None, None)), tmp_path, read_timeout_seconds=1) as server:
        rows = np.zeros((4096, 1024), np.float32)
        head = {
            "inputs": [
                {
                    "name": "x",
                    "shape": [4096, 1024],
                    "datatype": "FP32",
                    "parameters": {"binary_data_size": rows.nbytes},
                }
            ],
            "parameters": {"binary_data_output": True},
        }
        text = json.dumps(head).encode()
        with Wire(server.port("http"), 30) as wire:
            wire.post(INFER, text + rows.tobytes(), f"inference-header-content-length: {len(text)}")
            started, got = time.monotonic(), 0
            pace = threading.Event()
            while got < rows.nbytes:
                got += len(wire.socket.recv(256 * 1024))
                pace.wait(0.05)
        assert time.monotonic() - started > 3


def test_calls_of_grpc_hold_memory_of_the_budget_while_they_last(tmp_path):
    model = identity(tmp_path / "m.onnx", shape=(None, None))
    with serving(model, tmp_path, memory_budget_bytes=24 * MEBIBYTE) as server:
        with grpcclient.InferenceServerClient(f"127.0.0.1:{server.port('grpc')}") as client:
            answers = []
            for mebibytes in (4, 12):
                given = grpcclient.InferInput("x", [mebibytes, MEBIBYTE // 4], "FP32")
                given.set_data_from_numpy(np.ones((mebibytes, MEBIBYTE // 4), np.float32))
                try:
                    answers.append(client.infer("m", [given]).as_numpy("y").sum())
                except InferenceServerException as error:
                    answers.append(error.status())
        assert answers == [MEBIBYTE, "StatusCode.RESOURCE_EXHAUSTED"]
        assert server.metric("serin_memory_held_bytes") == 0
        assert server.metric("serin_requests_rejected_total", reason="body_too_large") == 1
