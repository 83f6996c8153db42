"""The payload log: CloudEvents of a sample, bounded and with fields hidden, never in a request's way."""

import http.client
import json
import socket
import threading
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from serin_server.dataplane.call import Call
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.records.payload import PayloadLog
from serin_server.records.sink import to_http

SIGNATURE = Signature(
    (TensorSpec("x", "FP32", (-1, 2)), TensorSpec("name", "BYTES", (-1,))), (TensorSpec("y", "INT64", (-1,)),)
)


def call(rows=1):
    made = Call([np.ones((rows, 2), np.float32), np.array(["Ada"] * rows, dtype=object)], rows, None, "id-1")
    made.outputs = [np.zeros(rows, np.int64)]
    return made


def log(send, **changes):
    settings = {"sample": 1.0, "max_bytes": 1000, "hidden": ["name"], "chance": lambda: 0.5, **changes}
    return PayloadLog(send, SIGNATURE, "/v2/models/m/versions/r", **settings)


def test_an_event_holds_inputs_and_outputs_and_hides_what_is_to_be_hidden():
    sent = []
    payloads = log(sent.append)
    payloads.observe(call())
    payloads.close()
    event = json.loads(sent[0])
    assert (event["specversion"], event["type"], event["id"]) == ("1.0", "dev.serin.inference", "id-1")
    assert event["source"] == "/v2/models/m/versions/r"
    assert event["data"]["inputs"][0] == {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 1]}
    assert event["data"]["inputs"][1] == {"name": "name", "datatype": "BYTES", "shape": [1], "hidden": True}
    assert "Ada" not in sent[0].decode()
    assert event["data"]["outputs"] == [{"name": "y", "datatype": "INT64", "shape": [1], "data": [0]}]


def test_of_a_large_payload_only_the_shape_is_told():
    sent = []
    payloads = log(sent.append)
    payloads.observe(call(rows=500))
    payloads.close()
    assert len(sent[0]) < 1000
    assert json.loads(sent[0])["data"]["inputs"][0]["shape"] == [500, 2]


def test_only_the_sample_is_taken():
    sent = []
    payloads = log(sent.append, sample=0.4)
    payloads.observe(call())
    payloads.close()
    assert sent == []


def test_a_receiver_that_hangs_or_fails_costs_events_and_nothing_else():
    release = threading.Event()

    def hang(_):
        release.wait(10)
        raise OSError("receiver gone")

    payloads = log(hang)
    for _ in range(400):
        payloads.observe(call())
    assert payloads.dropped >= 400 - 258
    release.set()
    payloads.close()
    assert payloads.sent == 0


def test_an_address_that_is_no_http_is_refused():
    for address in ("file:///etc/passwd", "http://", "http://host:port/", "http://host:0/", "http://[::1"):
        with pytest.raises(ValueError, match="http://"):
            to_http(address)


@pytest.mark.parametrize(
    "raised", [http.client.BadStatusLine("Ada"), TypeError("Ada"), OSError(111, "refused"), MemoryError(), KeyError()]
)
def test_whatever_goes_wrong_with_one_event_the_next_is_sent_and_the_trouble_told_without_data(raised):
    sent, told = [], []

    def send(event):
        if not told:
            raise raised
        sent.append(event)

    payloads = log(send, tell=lambda *each: told.append(each))
    payloads.observe(call())
    payloads.observe(call())
    payloads.close()
    assert (payloads.dropped, payloads.sent, len(sent)) == (1, 1, 1)
    assert "Ada" not in str(told)
    assert told[0][0].startswith(type(raised).__name__)


def test_an_event_that_cannot_be_written_costs_itself_alone():
    sent = []
    payloads = log(sent.append)
    broken = call()
    broken.id = "\ud800"
    payloads.observe(broken)
    payloads.observe(call())
    payloads.close()
    assert (payloads.dropped, payloads.sent) == (1, 1)


def test_a_kind_of_trouble_is_told_once_a_minute_with_what_was_dropped_by_then():
    told, now = [], [0.0]

    def send(_):
        raise OSError(111, "Connection refused")

    payloads = log(send, tell=lambda *each: told.append(each), clock=lambda: now[0])
    for number in range(130):
        now[0] = float(number)
        payloads._drop("receiver gone")
    payloads.close()
    assert told == [("receiver gone", 1), ("receiver gone", 61), ("receiver gone", 121)]


@contextmanager
def sink(answer):
    """Takes one connection after another, reads the request, and does what it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve():
            while not done.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(65536)
                    answer(connection, done)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def says(text):
    return lambda connection, _: connection.sendall(text)


def endless_body(connection, done):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not done.is_set():
        connection.sendall(b"x" * 65536)


def trickles(connection, done):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not done.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("answer", [says(b"HTTP/1.1 202 Accepted\r\n\r\n"), endless_body], ids=["short", "endless"])
def test_of_an_answer_that_takes_the_event_only_the_head_is_read(answer):
    with sink(answer) as url:
        to_http(url, seconds=5)(b"{}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        says(b"nonsense\r\n\r\n"),
        says(b""),
        says(b"HTTP/1.1 500 Oops\r\n\r\n"),
        says(b"HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:9/\r\n\r\n"),
        says(b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:9/\r\n\r\n"),
        says(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200),
        says(b"HTTP/1.1 200 " + b"x" * 100_000),
        lambda _, done: done.wait(10),
        trickles,
    ],
    ids=["nonsense", "hangs up", "500", "301", "307", "many headers", "long line", "silent", "trickles"],
)
def test_an_answer_that_does_not_take_the_event_ends_in_time_and_is_counted_as_dropped(answer):
    with sink(answer) as url:
        payloads = log(to_http(url, seconds=0.5))
        payloads.observe(call())
        payloads.close(seconds=10)
        assert (payloads.sent, payloads.dropped) == (0, 1)


def test_a_host_that_nobody_knows_costs_the_event_alone():
    payloads = log(to_http("http://nobody.invalid/"))
    payloads.observe(call())
    payloads.close(seconds=30)
    assert (payloads.sent, payloads.dropped) == (0, 1)
