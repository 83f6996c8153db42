"""Bodies that clients pack: predictions and feedback alike, and within the limit that holds for plain ones."""

import gzip
import json

import pytest
from tests.support.models import doubling
from tests.support.serving import serving
from tests.support.wire import Wire

INFER = "/v2/models/m/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compression")
    with serving(doubling(folder / "m.onnx"), folder, max_body_bytes=20_000) as running:
        yield running


@pytest.fixture
def wire(server):
    with Wire(server.port("http")) as connection:
        yield connection


def body(*row):
    return json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": row}]}).encode()


def test_a_body_that_grows_when_it_is_unpacked_is_cut_off_at_the_limit(wire):
    answer = wire.post(INFER, gzip.compress(b" " * 1_000_000), "content-encoding: gzip").answer()
    assert answer.status == 413
    assert wire.post(INFER, gzip.compress(body(1, 2, 3)), "content-encoding: gzip").answer().status == 200
    assert wire.post(INFER, b"no gzip", "content-encoding: gzip").answer().status == 400
    assert wire.post(INFER, b"x", "content-encoding: br").answer().status == 415


def test_feedback_may_come_packed_like_a_request_for_predictions(wire):
    path = "/v2/models/m/feedback"
    assert wire.post(path, gzip.compress(b"[]"), "content-encoding: gzip").answer().json()["accepted"] == 0
    assert wire.post(path, b"[]", "content-encoding: gzip").answer().status == 400
    assert wire.post(path, b"[]", "content-encoding: br").answer().status == 415
    assert wire.post(path, gzip.compress(b" " * 1_000_000), "content-encoding: gzip").answer().status == 413


def test_nothing_may_stand_behind_a_packed_body(wire):
    packed = gzip.compress(body(1, 2, 3))
    for wrong in (packed + b"more", packed + packed, packed[:-1]):
        assert wire.post(INFER, wrong, "content-encoding: gzip").answer().status == 400
