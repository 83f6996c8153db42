"""What answers are given where it is switched on: packed bodies, leave for pages of other origins, and no more than a key's rate."""

import gzip
import json
import urllib.error
import urllib.request

import numpy as np
import pytest
from tests.support.models import doubling
from tests.support.serving import serving, tensor, wait_for
from tests.support.wire import Wire

X = tensor("x", "FP32", [1, 3], [1, 2, 3])
PAGE = "https://app.example.com"
KEYS = {"me": "0123456789abcdef", "you": "fedcba9876543210"}


def asked(server, path="/v2/models/m/infer", content=None, method=None, **headers):
    """Status, headers and body of an answer."""
    body = None if content is None else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.url(path), body, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dressed")
    with serving(
        doubling(folder / "m.onnx"), folder, gzip_min_bytes=1000, cors_origins=f"{PAGE}, https://b.test/"
    ) as running:
        yield running


def rows(count):
    return {"inputs": [tensor("x", "FP32", [count, 3], [1.0] * 3 * count)]}


@pytest.mark.parametrize("count", [200, 20_000, 100_000], ids=["on the loop", "aside", "written aside too"])
def test_a_large_answer_is_packed_for_who_asks_for_it(server, count):
    status, headers, packed = asked(server, content=rows(count), accept_encoding="br, gzip;q=0.8")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert headers.get_all("vary") == ["origin", "accept-encoding"]
    plain = asked(server, content=rows(count))
    assert len(packed) < len(plain[2]) / 10
    assert json.loads(gzip.decompress(packed))["outputs"] == json.loads(plain[2])["outputs"]
    assert plain[1]["content-encoding"] is None
    wait_for(lambda: server.metric("serin_memory_held_bytes") == 0)


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0", "*"])
def test_who_does_not_ask_for_gzip_gets_none(server, accepted):
    assert asked(server, content=rows(200), accept_encoding=accepted)[1]["content-encoding"] is None


def test_a_small_answer_and_a_refusal_are_not_packed(server):
    for content in ({"inputs": [X]}, {"inputs": [tensor("x" * 2000, "FP32", [1, 3], [1, 2, 3])]}):
        assert asked(server, content=content, accept_encoding="gzip")[1]["content-encoding"] is None


def test_tritonclient_unpacks_what_it_asked_for(server):
    from tritonclient import http

    array = np.ones((5000, 3), np.float32)
    given = [http.InferInput("x", array.shape, "FP32").set_data_from_numpy(array)]
    with http.InferenceServerClient(f"127.0.0.1:{server.port('http')}") as client:
        result = client.infer("m", given, response_compression_algorithm="gzip")
    assert result.as_numpy("y").sum() == 30_000


def test_nothing_is_packed_unless_it_is_switched_on(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path) as plain:
        _, headers, body = asked(plain, content=rows(200), accept_encoding="gzip", origin=PAGE)
        assert json.loads(body)
        assert not {"content-encoding", "vary", "access-control-allow-origin"} & {name.lower() for name in headers}
        assert asked(plain, method="OPTIONS", origin=PAGE, access_control_request_method="POST")[0] == 405


@pytest.mark.parametrize("path", ["/v2/models/m/infer", "/v2/models/m/versions/1/infer", "/v2/models/m", "/v2"])
def test_a_page_of_a_known_origin_may_ask(server, path):
    status, headers, body = asked(server, path, method="OPTIONS", origin=PAGE, access_control_request_method="POST")
    assert (status, headers["access-control-allow-origin"], body) == (200, PAGE, b"")
    assert "POST" in headers["access-control-allow-methods"]
    assert "authorization" in headers["access-control-allow-headers"]
    assert headers["vary"] == "origin"


def test_answers_and_refusals_name_the_origin_that_asked(server):
    for content, status in (({"inputs": [X]}, 200), ({"inputs": []}, 400)):
        found = asked(server, content=content, origin="https://b.test")
        assert (found[0], found[1]["access-control-allow-origin"]) == (status, "https://b.test")
        assert "traceparent" in found[1]["access-control-expose-headers"]


def test_a_page_of_another_origin_gets_no_leave_and_others_never_hear_of_it(server):
    preflight = asked(server, method="OPTIONS", origin="https://evil.test", access_control_request_method="POST")
    for found in (preflight, asked(server, content={"inputs": [X]}, origin="https://evil.test")):
        assert found[1]["access-control-allow-origin"] is None
        assert found[1]["access-control-allow-methods"] is None
    assert asked(server, content={"inputs": [X]})[1]["access-control-allow-origin"] is None
    assert asked(server, method="OPTIONS")[0] == 405


def test_a_star_lets_every_page_ask(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, cors_origins="*", grpc="off") as open_to_all:
        assert asked(open_to_all, content={"inputs": [X]}, origin=PAGE)[1]["access-control-allow-origin"] == "*"


def test_a_key_that_asks_too_often_is_told_when_to_come_again_and_no_other_is(tmp_path):
    (tmp_path / "keys").write_text("".join(f"{name}:{key}\n" for name, key in KEYS.items()))
    settings = {"api_keys_file": tmp_path / "keys", "rate_limit_per_second": 0.01, "rate_limit_burst": 3}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, **settings) as limited:
        found = [asked(limited, content={"inputs": [X]}, x_api_key=KEYS["me"]) for _ in range(5)]
        assert [status for status, _, _ in found] == [200, 200, 200, 429, 429]
        assert 90 <= int(found[-1][1]["retry-after"]) <= 100
        assert "this key may ask 0.01 times a second" in json.loads(found[-1][2])["error"]
        assert asked(limited, "/v2/models/m/feedback", {"rows": []}, x_api_key=KEYS["me"])[0] == 429
        assert asked(limited, "/v2/models/m", x_api_key=KEYS["me"])[0] == 200
        assert asked(limited, content={"inputs": [X]}, x_api_key=KEYS["you"])[0] == 200
        assert limited.metric("serin_requests_total", code="429", error="false") == 2
        assert limited.metric("serin_requests_rejected_total", reason="too_often") == 3
        from tritonclient import grpc

        given = [grpc.InferInput("x", [1, 3], "FP32").set_data_from_numpy(np.ones((1, 3), np.float32))]
        with grpc.InferenceServerClient(f"127.0.0.1:{limited.port('grpc')}") as client:
            client.infer("m", given, headers={"x-api-key": KEYS["you"]})
            with pytest.raises(grpc.InferenceServerException, match="try again in") as refused:
                client.infer("m", given, headers={"x-api-key": KEYS["me"]})
        assert "RESOURCE_EXHAUSTED" in refused.value.status()


def test_a_request_that_offers_another_protocol_counts_once(tmp_path):
    (tmp_path / "keys").write_text(f"me:{KEYS['me']}\n")
    settings = {"api_keys_file": tmp_path / "keys", "rate_limit_per_second": 0.01, "rate_limit_burst": 2}
    offer = ("upgrade: h2c", "connection: Upgrade, HTTP2-Settings", f"x-api-key: {KEYS['me']}")
    content = json.dumps({"inputs": [X]}).encode()
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, **settings) as limited, Wire(limited.port("http")) as wire:
        statuses = [wire.post("/v2/models/m/infer", content, *offer).answer().status for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert wire.post("/v2/models/m/infer", content, *offer[:2]).answer().status == 401


def test_what_cannot_be_read_to_its_end_is_refused_to_the_page_that_asked_too(server):
    with Wire(server.port("http")) as wire:
        answer = wire.post("/v2/models/m/infer", b"", f"origin: {PAGE}", "expect: the impossible").answer()
    assert (answer.status, answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (
        400,
        PAGE,
        "origin",
    )


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"rate_limit_per_second": 1}, "SERIN_RATE_LIMIT_PER_SECOND is by key"),
        ({"cors_origins": "app.example.com"}, "'app.example.com' is no origin"),
        ({"cors_origins": "https://app.example.com/page"}, "is no origin"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path, setting, words):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, **setting) as refused:
        assert refused.process.wait(60) == 2
        assert words in refused.log.read_text() + (tmp_path / "termination").read_text()
