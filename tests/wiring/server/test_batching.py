"""Requests share runs only where rows are proven independent, and everything that tells says so."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.graphs import written
from tests.support.serving import call, serving, tensor

from serin_server.config.settings import settings_from

MIXING = "(float[N,2] x) => (float[N,2] y) { y = Softmax<axis = 0>(x) }"
APART = "(float[N,2] x) => (float[N,2] y) { y = Softmax<axis = 1>(x) }"
REQUESTS = 400


def wrong_answers(server, expected):
    url = server.url("/v2/models/m/infer")

    def client(number):
        row = [float(number % 7), float(number % 5)]
        status, answer = call(url, {"inputs": [tensor("x", "FP32", [1, 2], row)]})
        return status, answer["outputs"][0]["data"], row

    with ThreadPoolExecutor(16) as clients:
        done = list(clients.map(client, range(REQUESTS)))
    return [each for each in done if each[0] != 200 or not expected(each[2], each[1])]


def is_one(_, data):
    return data == [1.0, 1.0]


def is_softmax_of_the_row(row, data):
    return data[0] == pytest.approx(1 / (1 + 2.718281828459045 ** (row[1] - row[0])), rel=1e-5)


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
    with serving(written(tmp_path, APART), tmp_path) as server:
        assert wrong_answers(server, is_softmax_of_the_row) == []
        assert server.metric("serin_batch_size_count") < REQUESTS
        assert server.metric("serin_batch_size_sum") == REQUESTS
        assert server.get("/v2/models/m")[1]["properties"]["batching"] == "proven"


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
