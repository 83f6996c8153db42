"""A caller's trace comes back with every answer, and stands in access and payload logs, over HTTP and gRPC."""

import json
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest
from tests.support.models import doubling
from tests.support.serving import serving, tensor, wait_for

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
X = tensor("x", "FP32", [1, 3], [1, 2, 3])


@pytest.fixture(scope="module")
def events():
    """Payload events that arrive at an address."""
    found = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self):
            found.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = HTTPServer(("127.0.0.1", 0), Takes)
    Thread(target=receiver.serve_forever, daemon=True).start()
    yield found, receiver.server_port
    receiver.shutdown()
    receiver.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("traced")
    settings = {"access_log_sample": 1, "payload_log": f"http://127.0.0.1:{events[1]}/", "payload_log_sample": 1}
    with serving(doubling(folder / "m.onnx"), folder, **settings) as running:
        yield running


def asked(server, path, content=None, traceparent=TRACEPARENT):
    """The status and the trace of an answer."""
    body = None if content is None else json.dumps(content).encode()
    headers = {"traceparent": traceparent} if traceparent else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(server.url(path), body, headers), timeout=20) as answer:
            return answer.status, answer.headers["traceparent"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["traceparent"]


def logged(server):
    return [event for event in server.events() if event["event"] == "request"]


def next_logged(server, before):
    return wait_for(lambda: logged(server)[before:])[-1]


def test_a_prediction_and_its_logs_are_of_the_callers_trace(server, events):
    before = len(logged(server))
    status, told = asked(server, "/v2/models/m/infer", {"inputs": [X], "id": "traced"})
    assert status == 200
    _, trace_id, span_id, flags = told.split("-")
    assert (trace_id, flags) == (TRACE, "01")
    assert span_id != PARENT
    line = next_logged(server, before)
    assert (line["trace_id"], line["parent_id"], line["span_id"]) == (TRACE, PARENT, span_id)
    event = wait_for(lambda: next((each for each in events[0] if each["id"] == "traced"), None))
    assert event["traceparent"] == told


def test_a_refusal_and_its_log_are_of_the_callers_trace(server):
    before = len(logged(server))
    status, told = asked(server, "/v2/models/m/infer", {"inputs": []})
    assert (status, told.split("-")[1]) == (400, TRACE)
    assert next_logged(server, before)["span_id"] == told.split("-")[2]


@pytest.mark.parametrize("path", ["/v2", "/v2/models/m", "/v2/nowhere"])
def test_other_answers_tell_the_trace_too(server, path):
    assert asked(server, path)[1].split("-")[1] == TRACE


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"ff-{TRACE}-{PARENT}-01"])
def test_without_a_trace_there_is_none_in_answers_and_logs(server, traceparent):
    before = len(logged(server))
    assert asked(server, "/v2/models/m/infer", {"inputs": [X]}, traceparent) == (200, None)
    assert "trace_id" not in next_logged(server, before)


def test_calls_of_grpc_are_of_the_callers_trace(server):
    from tritonclient import grpc

    before = len(logged(server))
    array = np.array([[1, 2, 3]], np.float32)
    given = [grpc.InferInput("x", [1, 3], "FP32").set_data_from_numpy(array)]
    with grpc.InferenceServerClient(f"127.0.0.1:{server.port('grpc')}") as client:
        client.infer("m", given, headers={"traceparent": TRACEPARENT})
        assert next_logged(server, before)["trace_id"] == TRACE
        with pytest.raises(grpc.InferenceServerException):
            client.infer("m", [], headers={"traceparent": TRACEPARENT})
        assert next_logged(server, before + 1)["parent_id"] == PARENT


def test_the_trace_of_a_call_comes_back_behind_its_answer(server):
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{server.port('grpc')}") as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        with pytest.raises(grpc.RpcError) as refused:
            infer(b"", metadata=(("traceparent", TRACEPARENT),))
        assert dict(refused.value.trailing_metadata())["traceparent"].split("-")[1] == TRACE
