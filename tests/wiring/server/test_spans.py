"""Spans of requests arrive at a collector in the protobuf of OTLP; one that hangs or is away costs spans and nothing else."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.support.models import doubling
from tests.support.otlp import attributes, collecting
from tests.support.ports import free_port
from tests.support.serving import serving, tensor, wait_for

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
X = tensor("x", "FP32", [1, 3], [1, 2, 3])


@pytest.fixture(scope="module")
def collector():
    with collecting() as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory, collector):
    folder = tmp_path_factory.mktemp("traced")
    settings = {"otlp_endpoint": collector.address, "access_log_sample": 1, "revision": "r7", "version": "v7"}
    with serving(doubling(folder / "m.onnx"), folder, **settings) as running:
        yield running


def asked(server, content, traceparent, path="/v2/models/m/infer"):
    """The status of an answer, and its trace."""
    headers = {"traceparent": traceparent} if traceparent else {}
    request = urllib.request.Request(server.url(path), json.dumps(content).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers["traceparent"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["traceparent"]


def trace_id(number):
    return f"{number:032x}"


def traceparent(number, flags="01"):
    return f"00-{trace_id(number)}-{PARENT}-{flags}"


def test_a_prediction_whose_trace_is_recorded_is_a_span_of_it(server, collector):
    status, told = asked(server, {"inputs": [X], "id": "mine"}, f"00-{TRACE}-{PARENT}-01")
    assert status == 200
    span, resource = collector.span_of(TRACE)
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (told.split("-")[2], PARENT)
    assert (span.name, span.kind) == ("POST /v2/models/m/infer", Span.SPAN_KIND_SERVER)
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 20e9
    about = attributes(span)
    assert (about["http.response.status_code"], about["serin.rows"], about["serin.request_id"]) == (200, 1, "mine")
    assert (resource["service.name"], resource["serin.model.revision"], resource["service.version"]) == (
        "m",
        "r7",
        "v7",
    )
    assert (collector.paths, collector.types) == ({"/v1/traces"}, {"application/x-protobuf"})
    assert server.metric("serin_trace_spans_total", outcome="sent") >= 1


def test_a_refusal_is_a_span_too_and_only_the_servers_failures_are_errors_of_it(server, collector):
    assert asked(server, {"inputs": []}, traceparent(2))[0] == 400
    span, _ = collector.span_of(trace_id(2))
    assert attributes(span)["http.response.status_code"] == 400
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_what_its_caller_does_not_record_and_what_has_no_trace_is_no_span(server, collector):
    asked(server, {"inputs": [X]}, traceparent(3, "00"))
    assert asked(server, {"inputs": [X]}, "")[1] is None
    asked(server, {"inputs": [X]}, traceparent(4))
    collector.span_of(trace_id(4))
    found = [span.trace_id.hex() for span, _ in collector.spans()]
    assert trace_id(3) not in found
    assert len(found) == len(set(found))


def test_a_call_of_grpc_is_a_span(server, collector):
    from tritonclient import grpc

    given = [grpc.InferInput("x", [1, 3], "FP32").set_data_from_numpy(np.array([[1, 2, 3]], np.float32))]
    with grpc.InferenceServerClient(f"127.0.0.1:{server.port('grpc')}") as client:
        client.infer("m", given, headers={"traceparent": traceparent(5)})
    span, _ = collector.span_of(trace_id(5))
    assert (span.name, attributes(span)["rpc.method"]) == ("inference.GRPCInferenceService/ModelInfer", "ModelInfer")


def test_where_a_share_is_asked_for_traces_begin_here_and_the_log_carries_them(tmp_path, collector):
    settings = {"otlp_endpoint": f"{collector.address}/base/", "otlp_sample": 1, "access_log_sample": 1}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, **settings) as server:
        _, told = asked(server, {"inputs": [X]}, "")
        _, begun, span_id, flags = told.split("-")
        assert flags == "01"
        span, _ = collector.span_of(begun)
        assert (span.span_id.hex(), span.parent_span_id) == (span_id, b"")
        line = next(event for event in server.events() if event["event"] == "request")
        assert (line["trace_id"], line["span_id"], "parent_id" in line) == (begun, span_id, False)
        feedback = {"model_version": "1", "predicted_at": 1, "prediction": 1, "label": 1}
        assert asked(server, feedback, "", "/v2/models/m/feedback")[1] is None
        from tritonclient import grpc

        given = [grpc.InferInput("x", [1, 3], "FP32").set_data_from_numpy(np.array([[1, 2, 3]], np.float32))]
        before = len(collector.spans())
        with grpc.InferenceServerClient(f"127.0.0.1:{server.port('grpc')}") as client:
            client.infer("m", given)
        wait_for(lambda: len(collector.spans()) > before)
    assert "/base/v1/traces" in collector.paths


def test_spans_that_wait_are_sent_when_the_server_leaves(tmp_path):
    with collecting() as collector:
        with serving(doubling(tmp_path / "m.onnx"), tmp_path, otlp_endpoint=collector.address) as server:
            asked(server, {"inputs": [X]}, traceparent(9))
        assert [span.trace_id.hex() for span, _ in collector.spans()] == [trace_id(9)]


def test_a_collector_that_hangs_slows_nothing_and_what_does_not_fit_is_counted(tmp_path):
    with collecting() as collector:
        collector.may_answer.clear()
        with serving(doubling(tmp_path / "m.onnx"), tmp_path, otlp_endpoint=collector.address) as server:
            from http.client import HTTPConnection

            def ask(count):
                body, done = json.dumps({"inputs": [X]}), 0
                while done < count:
                    connection = HTTPConnection("127.0.0.1", server.port("http"), timeout=5)
                    for _ in range(50):
                        headers = {"traceparent": traceparent(100 + done)}
                        connection.request("POST", "/v2/models/m/infer", body, headers)
                        assert connection.getresponse().read()
                        done += 1
                    connection.close()

            ask(3000)
            assert server.metric("serin_trace_spans_total", outcome="dropped") >= 1
            assert server.metric("serin_requests_total", code="200") == 3000
            collector.may_answer.set()


def test_a_collector_that_is_away_is_told_in_the_log_once_a_minute(tmp_path):
    address = f"http://127.0.0.1:{free_port()}"
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, otlp_endpoint=address) as server:
        asked(server, {"inputs": [X]}, traceparent(1))
        wait_for(lambda: server.metric("serin_trace_spans_total", outcome="dropped") == 1)
        asked(server, {"inputs": [X]}, traceparent(2))
        wait_for(lambda: server.metric("serin_trace_spans_total", outcome="dropped") == 2)
        told = [event for event in server.events() if event["event"] == "spans not taken"]
        assert [event["trouble"] for event in told] == ["ConnectionRefusedError: Connection refused"]


def test_nothing_of_it_is_imported_and_no_metric_told_unless_it_is_asked_for(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path) as server:
        assert (
            "serin_trace_spans_total" not in urllib.request.urlopen(server.url("/metrics", "metrics")).read().decode()
        )
    code = "import serin_server.process.serve, sys; print(sorted(m for m in sys.modules if 'opentelemetry' in m or 'spans' in m))"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True).stdout.strip() == "[]"
    )


@pytest.mark.parametrize("address", ["collector:4318", "ftp://collector", "http://user:secret@collector:4318"])
def test_an_address_that_is_none_is_refused_by_name_and_without_its_password(address):
    run = subprocess.run(
        [sys.executable, "-m", "serin_server", "serve", "--model", "m.onnx", "--otlp-endpoint", address],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 2
    assert "SERIN_OTLP_ENDPOINT" in run.stderr
    assert "secret" not in run.stderr
