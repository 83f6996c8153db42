"""Requests share runs only where rows are proven independent, and everything that tells says so."""

import json
import subprocess
import sys
from http.client import HTTPConnection

import pytest
from tests.support.graphs import written
from tests.support.models import laborious
from tests.support.serving import serving, tensor

from serin_server.config.settings import settings_from

pytestmark = pytest.mark.slow

MIXING = "(float[N,2] x) => (float[N,2] y) { y = Softmax<axis = 0>(x) }"
CLIENTS = 16
ROUNDS = 12
REQUESTS = CLIENTS * ROUNDS
WIDE = 1000


def wrong_answers(server, expected, width=2):
    """Rounds of requests that are all sent before any answer is read; the answers that are not the row's own."""
    connections = [HTTPConnection("127.0.0.1", server.port("http"), timeout=20) for _ in range(CLIENTS)]
    wrong = []
    for number in range(ROUNDS):
        rows = [[float(client), float(number)] * (width // 2) for client in range(CLIENTS)]
        bodies = [json.dumps({"inputs": [tensor("x", "FP32", [1, width], row)]}) for row in rows]
        for connection, body in zip(connections, bodies, strict=True):
            connection.request("POST", "/v2/models/m/infer", body)
        for connection, row in zip(connections, rows, strict=True):
            answer = json.load(connection.getresponse())
            if not expected(row, answer["outputs"][0]["data"]):
                wrong.append((row[:2], answer))
    for connection in connections:
        connection.close()
    return wrong


def is_one(_, data):
    return data == [1.0, 1.0]


def is_mean_of_the_row(row, data):
    return len(data) == len(row) and data[0] == data[-1] == pytest.approx((row[0] + row[1]) / 2, rel=1e-4)


def test_clients_of_a_model_that_mixes_rows_get_their_own_answers(tmp_path):
    with serving(written(tmp_path, MIXING), tmp_path) as server:
        assert wrong_answers(server, is_one) == []
        assert server.metric("serin_batch_size_sum") == server.metric("serin_batch_size_count") == REQUESTS
        _, told = server.get("/v2/models/m")
        assert (told["properties"]["batching"], told["properties"]["batching_reason"]) == ("alone", "RowsMix")
        assert "batching=trusted" in told["properties"]["batching_message"]
        assert server.metric("serin_model_batching", mode="alone", reason="RowsMix") == 1
        ready = next(event for event in server.events() if event["event"] == "ready")
        assert (ready["batching"], ready["batching_reason"]) == ("alone", "RowsMix")


def test_batches_form_where_rows_are_proven_independent(tmp_path):
    """The model takes long enough for requests to gather; it gives the mean of a row, again and again."""
    with serving(laborious(tmp_path / "model.onnx", WIDE, 30), tmp_path) as server:
        assert server.get("/v2/models/m")[1]["properties"]["batching"] == "proven"
        assert wrong_answers(server, is_mean_of_the_row, WIDE) == []
        assert server.metric("serin_batch_size_count") < REQUESTS
        assert server.metric("serin_batch_size_sum") == REQUESTS


def test_who_knows_that_rows_are_independent_may_say_so(tmp_path):
    with serving(written(tmp_path, MIXING), tmp_path, env={"SERIN_BATCHING": "Trusted"}) as server:
        assert server.get("/v2/models/m")[1]["properties"]["batching"] == "trusted"


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({}, "proven"),
        ({"SERIN_BATCHING": "Proven"}, "proven"),
        ({"SERIN_BATCHING": "TRUSTED"}, "trusted"),
        ({"SERIN_BATCHING": "Off"}, "off"),
        ({"SERIN_MAX_BATCH_ROWS": "1"}, "off"),
        ({"SERIN_MAX_BATCH_ROWS": "1", "SERIN_BATCHING": "trusted"}, "off"),
    ],
)
def test_the_word_for_batching_is_read_in_any_case_of_letters(environment, mode):
    assert settings_from({"SERIN_MODEL_URI": "m.onnx", **environment}).batching_mode == mode


def test_an_unknown_word_for_batching_is_refused(tmp_path):
    command = [sys.executable, "-m", "serin_server", "inspect", "--model", "x.onnx", "--batching", "always"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "SERIN_BATCHING='always' is not known: give proven, off, trusted" in done.stderr


def test_inspect_says_what_was_decided_and_why(tmp_path):
    command = [sys.executable, "-m", "serin_server", "inspect", "--model", str(written(tmp_path, MIXING))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "batching   alone (RowsMix): Softmax (node 1) is taken over the rows (axis 0)" in done.stdout, done.stdout
