"""The payload log: CloudEvents of a sample, bounded and with fields hidden, never in a request's way."""

import json
import threading

import numpy as np
import pytest

from serin_server.dataplane.call import Call
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.records.payload import PayloadLog, to_http

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
    with pytest.raises(ValueError, match="http://"):
        to_http("file:///etc/passwd")
