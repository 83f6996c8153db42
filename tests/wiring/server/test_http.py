"""HTTP as correct as a web server's: what clients may do, and what they should not."""

import json
import threading

import numpy as np
import pytest
from tests.support.models import doubling, laborious
from tests.support.serving import serving, wait_for
from tests.support.wire import Wire, request

INFER = "/v2/models/m/infer"
LIMITS = {"max_body_bytes": 20_000, "max_header_bytes": 4096, "read_timeout_seconds": 1, "idle_timeout_seconds": 4}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    with serving(
        doubling(folder / "m.onnx"), folder, connection_max_requests=0, connection_max_seconds=0, **LIMITS
    ) as running:
        yield running


@pytest.fixture
def wire(server):
    with Wire(server.port("http")) as connection:
        yield connection


def body(*row):
    return json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": row}]}).encode()


def doubled(answer):
    assert answer.status == 200, answer
    return answer.json()["outputs"][0]["data"]


def test_a_connection_is_kept_and_used_again(wire):
    for value in range(5):
        assert doubled(wire.post(INFER, body(value, 0, 0)).answer()) == [2 * value, 0, 0]


def test_pipelined_requests_are_answered_in_their_order_whatever_they_are(wire):
    asked = b"".join(
        request("POST", INFER, body(value, 0, 0)) + request("GET", f"/v2/nothing/{value}", None) for value in range(50)
    )
    wire.send(asked)
    for value in range(50):
        assert doubled(wire.answer()) == [2 * value, 0, 0]
        assert f"/v2/nothing/{value}" in wire.answer().json()["error"]


def test_a_request_may_come_byte_by_byte(wire):
    for byte in request("POST", INFER, body(1, 2, 3)):
        wire.send(bytes([byte]))
    assert doubled(wire.answer()) == [2, 4, 6]


def test_a_chunked_body_is_put_together_and_what_trails_it_is_no_header(wire):
    whole = body(1, 2, 3)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (whole[:7], whole[7:40], whole[40:]))
    head = f"POST {INFER} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    assert doubled(wire.send(head + chunks + b"0\r\nhost: other\r\ncontent-encoding: br\r\n\r\n").answer()) == [2, 4, 6]
    assert wire.get("/v2/health/live").answer().status == 200


def test_a_client_that_asks_first_is_told_to_continue(wire):
    whole = body(1, 2, 3)
    wire.send(request("POST", INFER, whole, "expect: 100-continue")[: -len(whole)])
    assert wire.answer().status == 100
    assert doubled(wire.send(whole).answer()) == [2, 4, 6]


def test_a_client_that_asks_first_for_too_much_is_told_before_it_sends(wire):
    wire.send(f"POST {INFER} HTTP/1.1\r\nhost: t\r\ncontent-length: 99999999\r\nexpect: 100-continue\r\n\r\n".encode())
    assert wire.answer().status == 413
    assert wire.is_closed()


def test_head_that_is_refused_has_no_body_either(wire):
    wire.get("/v2", "x: " + "y" * 5000, method="HEAD")
    answer = wire.answer(has_body=False)
    assert (answer.status, int(answer.headers["content-length"]) > 0) == (431, True)
    assert wire.is_closed()


def test_head_is_get_without_a_body(wire):
    answer = wire.get("/v2", method="HEAD").answer(has_body=False)
    same = wire.get("/v2").answer()
    assert answer.status == 200
    assert answer.headers["content-length"] == same.headers["content-length"] == str(len(same.body))


def test_http_1_0_closes_unless_it_asks_to_keep(server):
    with Wire(server.port("http")) as wire:
        assert wire.get("/v2", version="1.0").answer().headers["connection"] == "close"
        assert wire.is_closed()
    with Wire(server.port("http")) as wire:
        assert wire.get("/v2", "connection: keep-alive", version="1.0").answer().headers["connection"] == "keep-alive"
        assert wire.get("/v2", version="1.0").answer().status == 200


def test_connection_close_is_honoured(wire):
    assert wire.get("/v2", "connection: close").answer().headers["connection"] == "close"
    assert wire.is_closed()


def test_a_client_that_closed_its_sending_half_still_gets_its_answer(wire):
    wire.post(INFER, body(1, 2, 3)).socket.shutdown(1)
    assert doubled(wire.answer()) == [2, 4, 6]
    assert wire.is_closed()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET /v2 HTTP/9.9\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
        (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ncontent-length: -5\r\n\r\n", 400),
        (
            b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nhost: t\r\nbad header\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nhost: t\r\nhost: t\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nhost: t\r\nx: " + b"a" * 5000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nhost: t\r\n\r\n", 431),
        (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ncontent-length: 20001\r\n\r\n", 413),
        (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\nexpect: miracles\r\ncontent-length: 1\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_gets_the_protocols_error_and_the_connection_ends(wire, sent, status):
    answer = wire.send(sent).answer()
    assert answer.status == status, answer
    assert answer.json()["error"]
    assert answer.headers["connection"] == "close"
    assert wire.is_closed()


@pytest.mark.parametrize("requests", [1, 5])
def test_what_is_no_request_is_refused_behind_the_answers_to_those_before_it(wire, requests):
    wire.send(request("POST", INFER, body(1, 2, 3)) * requests + b"nonsense\r\n\r\n")
    for _ in range(requests):
        answer = wire.answer()
        assert doubled(answer) == [2, 4, 6]
        assert "connection" not in answer.headers
    refusal = wire.answer()
    assert (refusal.status, refusal.headers["connection"]) == (400, "close")
    assert wire.is_closed()


def test_an_offer_to_change_protocols_is_ignored(wire):
    for value in range(2):
        wire.post(INFER, body(value, 2, 3), "upgrade: h2c", "connection: Upgrade, HTTP2-Settings")
        wire.get("/v2", "upgrade: h2c", "connection: Upgrade")
        assert doubled(wire.answer()) == [2 * value, 4, 6]
        assert wire.answer().status == 200


@pytest.mark.parametrize(
    ("version", "connection", "is_kept"),
    [
        ("1.1", "Upgrade, HTTP2-Settings", True),
        ("1.1", "close, Upgrade, HTTP2-Settings", False),
        ("1.1", "Upgrade, HTTP2-Settings, close", False),
        ("1.0", "Upgrade", False),
        ("1.0", "keep-alive, Upgrade", True),
    ],
)
def test_whether_the_connection_is_kept_is_not_lost_with_an_offer_to_change_protocols(
    wire, version, connection, is_kept
):
    whole = body(1, 2, 3)
    head = f"POST {INFER} HTTP/{version}\r\nhost: t\r\nconnection: {connection}\r\nupgrade: h2c\r\n"
    wire.send(f"{head}http2-settings: AAMAAABk\r\ncontent-length: {len(whole)}\r\n\r\n".encode() + whole)
    answer = wire.answer()
    assert doubled(answer) == [2, 4, 6]
    assert (answer.headers.get("connection") == "close") is not is_kept
    if is_kept:
        assert wire.get("/v2/health/live").answer().status == 200
    else:
        assert wire.is_closed()


def test_a_chunked_body_that_never_ends_is_cut_off_at_the_limit(wire):
    wire.send(f"POST {INFER} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    for _ in range(30):
        wire.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
    assert wire.answer().status == 413


def test_a_head_that_never_ends_is_cut_off_at_the_limit(wire):
    wire.send(b"GET /v2 HTTP/1.1\r\n")
    for number in range(60):
        wire.send(b"x-%d: %b\r\n" % (number, b"y" * 100))
    assert wire.answer().status == 431


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", INFER, 405, "POST"),
        ("POST", "/v2/health/live", 405, "GET, HEAD"),
        ("DELETE", "/v2/models/m", 405, "GET, HEAD"),
        ("GET", "/v2/models/m/feedback", 405, "POST"),
        ("GET", "/v2/models/m/feedback/", 405, "POST"),
        ("GET", "/v2/models/m/infer/", 405, "POST"),
        ("GET", "/v2/models/m/versions//ready", 404, None),
        ("POST", "/v2/models/m/versions//infer", 404, None),
        ("GET", "http://elsewhere/v2/models/m/ready", 200, None),
        ("POST", "http://elsewhere/v2/models/m/ready", 405, "GET, HEAD"),
        ("GET", "http://elsewhere", 404, None),
        ("GET", "/v2/models/other", 404, None),
        ("POST", "/v2/models/other/infer", 404, None),
        ("GET", "/v2/models/m/versions/9/ready", 404, None),
        ("GET", "/v2/models/m/nonsense", 404, None),
        ("GET", "/", 404, None),
        ("GET", "/%ff%00", 404, None),
        ("GET", "/v2/models/%6d/ready", 200, None),
        ("GET", "/v2/models/m/ready?x=1", 200, None),
    ],
)
def test_addresses_and_methods(wire, method, path, status, allow):
    answer = wire.send(request(method, path, b"" if method == "POST" else None)).answer()
    assert (answer.status, answer.headers.get("allow")) == (status, allow)
    assert status == 200 or answer.json()["error"]


@pytest.mark.slow
def test_a_client_too_slow_to_ask_is_told_so_and_others_are_not_kept_waiting(server):
    with Wire(server.port("http")) as slow, Wire(server.port("http")) as other:
        slow.send(b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12345")
        assert doubled(other.post(INFER, body(1, 2, 3)).answer()) == [2, 4, 6]
        assert slow.answer().status == 408
        assert slow.is_closed()
        assert server.metric("serin_requests_rejected_total", reason="slow_client") == 1


@pytest.mark.slow
def test_a_client_too_slow_with_its_next_request_still_gets_the_answer_to_the_one_before(tmp_path):
    # However slow the machine is.
    limits = {"read_timeout_seconds": 1, "request_timeout_seconds": 0, "connection_max_seconds": 0}
    with serving(laborious(tmp_path / "m.onnx"), tmp_path, **limits) as running:
        with Wire(running.port("http"), timeout=60) as wire:
            wire.send(ones(300)).answer()  # a model that has shown itself slow runs apart from the event loop
        with Wire(running.port("http"), timeout=60) as wire:
            wire.send(ones(3000) + b"POST /v2/models/m/infer HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12345")
            assert wire.answer().status == 200
            assert wire.answer().status == 408


def ones(rows):
    size = rows * 1000 * 4
    described = {"name": "x", "datatype": "FP32", "shape": [rows, 1000], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    data = np.ones((rows, 1000), np.float32).tobytes()
    return request("POST", INFER, head + data, f"Inference-Header-Content-Length: {len(head)}")


@pytest.mark.slow
@pytest.mark.slow
def test_a_connection_that_asks_nothing_is_closed(wire):
    assert wire.is_closed()


def test_clients_that_vanish_leave_nothing_behind(server):
    before = server.metric("serin_process_open_connections")
    for cut in (b"", b"POST", request("POST", INFER, body(1, 2, 3)), request("POST", INFER, body(1, 2, 3))[:-5]):
        with Wire(server.port("http")) as wire:
            wire.send(cut) if cut else None
    wait_for(lambda: server.metric("serin_process_open_connections") <= before)
    wait_for(lambda: server.metric("serin_requests_in_flight") == 0)


@pytest.mark.slow
def test_connections_end_gracefully_by_requests_and_by_age(tmp_path):
    model = doubling(tmp_path / "m.onnx")
    with serving(model, tmp_path, connection_max_requests=10, connection_max_seconds=0) as running:
        with Wire(running.port("http")) as wire:
            answers = []
            while not answers or "connection" not in answers[-1].headers:
                answers.append(wire.post(INFER, body(1, 2, 3)).answer())
            assert wire.is_closed()
        assert 8 <= len(answers) <= 12
    with (
        serving(model, tmp_path, connection_max_requests=0, connection_max_seconds=1) as running,
        Wire(running.port("http")) as wire,
    ):
        wait_for(lambda: wire.get("/v2/health/live").answer().headers.get("connection") == "close" or None)
        assert wire.is_closed()


@pytest.mark.slow
def test_more_requests_than_may_be_under_way_are_shed_with_retry_after(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, max_in_flight=1) as running:
        codes: list[int] = []

        def ask():
            with Wire(running.port("http")) as wire:
                # Both requests of a pipeline are read in one turn only by different connections.
                for _ in range(50):
                    answer = wire.post(INFER, body(1, 2, 3)).answer()
                    assert answer.status == 200 or answer.headers["retry-after"]
                    codes.append(answer.status)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(codes) <= {200, 503}
        shed = codes.count(503)
        assert running.metric("serin_requests_rejected_total", reason="overloaded") == shed
        assert running.metric("serin_requests_total", code="503", error="true") == 0
        assert running.metric("serin_requests_total", code="503", error="false") == shed
