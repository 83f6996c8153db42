"""Malformed input by the thousand: no 500, no crash, no connection that hangs, memory flat.

`SERIN_FUZZ=10000 pytest tests/properties/server/test_fuzz.py` sends as many; the default is small enough for every run.
"""

import copy
import json
import os
import random
from pathlib import Path

import pytest
from onnx import TensorProto
from tests.support.models import several_identities
from tests.support.serving import serving
from tests.support.wire import Wire, request

pytestmark = pytest.mark.slow

COUNT = int(os.environ.get("SERIN_FUZZ", "600"))
ELEMENTS = {
    "FP32": TensorProto.FLOAT,
    "INT64": TensorProto.INT64,
    "BYTES": TensorProto.STRING,
    "BOOL": TensorProto.BOOL,
}
GOOD = {
    "id": "1",
    "inputs": [
        {"name": "FP32", "datatype": "FP32", "shape": [1, 3], "data": [1, 2.5, -3]},
        {"name": "INT64", "datatype": "INT64", "shape": [1, 3], "data": [1, 2, -3]},
        {"name": "BYTES", "datatype": "BYTES", "shape": [1, 3], "data": ["a", "", "ü"]},
        {"name": "BOOL", "datatype": "BOOL", "shape": [1, 3], "data": [True, False, True]},
    ],
    "outputs": [{"name": "out-FP32", "parameters": {"binary_data": False}}],
    "parameters": {"binary_data_output": False},
}
ODD = [None, True, 0, -1, 2**31, 2**63, 2**64, 1e308, -0.0, 1.5, "", "x", "FP32", "\x00", "é" * 50, [], {}, [[]], [None], [1, 2, 3],
       {"a": 1}, [[1], [2, 3]], "9" * 400, [[[[[[1]]]]]], {"binary_data_size": 12}, {"binary_data_size": -1}, "NaN", [1e39, 1, 1]]  # fmt: skip
VERBS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"]
PATHS = ["/v2/models/m/infer"] * 6 + [
    "/v2", "/v2/models/m", "/v2/models/m/feedback", "/v2/models/m/ready", "/v2/models//infer", "/v2/models/m/versions//infer",
    "/v2/models/m/versions/1/infer", "*", "/%00", "//", "/v2/models/m/infer?x=%zz", "http://other/v2/models/m/infer",
]  # fmt: skip
HEADERS = ["inference-header-content-length: 50", "inference-header-content-length: -1", "inference-header-content-length: 9999999999999",
           "inference-header-content-length: ", "content-encoding: gzip", "content-encoding: x", "expect: 100-continue", "content-type: text/html",
           "transfer-encoding: chunked", "content-length: 7", "connection: upgrade", "upgrade: websocket", "x: " + "y" * 300, ":", "a b: c"]  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def mutated(rng):
    """A good request with one to three things wrong: replaced, removed, doubled, or renamed."""
    value = copy.deepcopy(GOOD)
    for _ in range(rng.randint(1, 3)):
        path = rng.choice(list(places(value)))
        if not path:
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        match rng.randint(0, 3):
            case 0:
                del parent[path[-1]]
            case 1 if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[path[-1]]))
            case _:
                parent[path[-1]] = copy.deepcopy(rng.choice(ODD))
    return value


def body(rng):
    text = json.dumps(mutated(rng), allow_nan=True).encode()
    kind = rng.randint(0, 9)
    if kind == 0:
        text = text[: rng.randint(0, len(text))]
    elif kind == 1:
        text = bytes(byte if rng.random() > 0.02 else rng.randrange(256) for byte in text)
    elif kind == 2:
        text = rng.randbytes(rng.randint(0, 300))
    elif kind == 3:
        text += b" " * 3000  # by the fast way
    elif kind == 4:
        text += rng.randbytes(rng.randint(1, 40))
    return text


def message(rng):
    """One request: mostly whole HTTP around a bad body, sometimes bad HTTP, sometimes bytes."""
    kind = rng.randint(0, 9)
    if kind == 0:
        return rng.randbytes(rng.randint(1, 400))
    whole = request(
        rng.choice(VERBS) if kind == 1 else "POST", rng.choice(PATHS), body(rng),
        *rng.sample(HEADERS, rng.choice([0, 0, 0, 1, 2])), version=rng.choice(["1.1"] * 8 + ["1.0", "3.7"]),
    )  # fmt: skip
    if kind == 2:
        whole = bytes(byte if rng.random() > 0.005 else rng.randrange(256) for byte in whole)
    elif kind == 3:
        whole = whole[: rng.randint(1, len(whole))]
    return whole


def answers_to(port, sent):
    """Every status that a message brought, after the client has closed its sending half."""
    with Wire(port) as wire:
        statuses = []
        try:
            wire.send(sent).socket.shutdown(1)
            is_head = sent.startswith(b"HEAD ")
            while True:
                statuses.append(wire.answer(has_body=not is_head).status)
        except (EOFError, ConnectionResetError, BrokenPipeError):
            return statuses


def resident_bytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_malformed_requests_never_make_it_fail_hang_or_grow(tmp_path):
    rng = random.Random(20261121)
    with serving(several_identities(tmp_path / "m.onnx", ELEMENTS), tmp_path) as running:
        port = running.port("http")
        seen: dict[int, int] = {}
        resident = 0
        for number in range(COUNT):
            sent = message(rng)
            for status in answers_to(port, sent):
                seen[status] = seen.get(status, 0) + 1
                assert status < 500, sent
            if number == COUNT // 3:
                resident = resident_bytes(running.process.pid)
        assert running.infer(*GOOD["inputs"])[0] == 200
        assert running.process.poll() is None
        assert running.metric("serin_requests_in_flight") == 0
        assert "Traceback" not in running.log.read_text()
        assert resident_bytes(running.process.pid) - resident < 8 << 20
        assert seen[200] > COUNT // 50
        assert seen[400] > COUNT // 5


def test_malformed_messages_of_grpc_never_make_it_fail(tmp_path):
    import grpc
    from tritonclient.grpc import service_pb2 as pb

    rng = random.Random(7)
    fields = {"FP32": "fp32_contents", "INT64": "int64_contents", "BYTES": "bytes_contents", "BOOL": "bool_contents"}
    data = {"FP32": [1, 2.5, -3], "INT64": [1, 2, -3], "BYTES": [b"a", b"", b"\xff"], "BOOL": [True, False, True]}
    seen: dict[str, int] = {}
    with (
        serving(several_identities(tmp_path / "m.onnx", ELEMENTS), tmp_path) as running,
        grpc.insecure_channel(f"127.0.0.1:{running.port('grpc')}") as channel,
    ):
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for _ in range(COUNT // 10):
            request = pb.ModelInferRequest(model_name=rng.choice(["m"] * 9 + ["x"]))
            for name in rng.choices(list(ELEMENTS), k=rng.choice([3, 4, 5])) if rng.random() < 0.5 else list(ELEMENTS):
                shape = rng.choice([[1, 3]] * 5 + [[3], [-1, 3], [2**62, 3], [0, 3], []])
                tensor = request.inputs.add(name=name, datatype=rng.choice([name] * 9 + ["FP16"]), shape=shape)
                if rng.random() < 0.8:
                    getattr(tensor.contents, fields[name]).extend(data[name])
                else:
                    request.raw_input_contents.append(rng.randbytes(rng.choice([0, 3, 12, 24])))
            sent = request.SerializeToString()
            if rng.random() < 0.3:
                sent = bytes(byte if rng.random() > 0.01 else rng.randrange(256) for byte in sent)
            try:
                infer(sent, timeout=20)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
            seen[code] = seen.get(code, 0) + 1
        assert running.process.poll() is None
        assert running.metric("serin_requests_in_flight") == 0
        assert running.metric("serin_requests_total", code="500") == 0
    assert set(seen) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}, seen
    assert seen["INVALID_ARGUMENT"] > 10
