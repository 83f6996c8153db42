"""Two versions of a model that are asked the same questions: what is counted, and what a bad control costs."""

import http.client
import json
import signal
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
from tests.support.certificates import tls_of_this_machine
from tests.support.controls import control, plain
from tests.support.models import doubling, identity, picky
from tests.support.ports import free_port
from tests.support.serving import serving, tensor, wait_for
from tritonclient.grpc import service_pb2 as pb

from serin_server.feedback.marks import Marks
from serin_server.feedback.tokens import TokenSigner
from serin_server.keys import Keys

pytestmark = pytest.mark.slow

ROW = tensor("x", "FP32", [1, 3], [1, 2, 3])
SECRET = "k1:0123456789abcdef0123456789abcdef"
SIGNER = TokenSigner(Keys("k1", {"k1": SECRET.partition(":")[2].encode()}), "canary")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pairs")
    (made / "keys").write_text(SECRET)
    return made


@contextmanager
def stable(folder, model=None, **settings):
    given = {"revision": "stable", "feedback_key_file": folder / "keys", **settings}
    with serving(model or doubling(folder / "stable.onnx"), folder, **given) as running:
        yield running


@contextmanager
def canary(folder, port, model=None, **settings):
    """A server that asks whoever listens on a port for every request."""
    given = {
        "revision": "canary",
        "feedback_key_file": folder / "keys",
        "pairing_control": f"http://127.0.0.1:{port}",
        "pairing_sample": 1,
        "pairing_max_per_second": 1000,
        "pairing_timeout_seconds": 5,
        **settings,
    }
    with serving(model or doubling(folder / "canary.onnx", 3.0), folder, **given) as running:
        yield running


@pytest.fixture(scope="module")
def versions(folder):
    with stable(folder) as one, canary(folder, one.port("http")) as other:
        asked(other, ROW)
        yield one, other


def pairs(running, **labels):
    return running.metric("serin_pairs_total", **labels)


def errors(running, outcome):
    return running.metric("serin_error_pairs_total", control_revision="stable", outcome=outcome)


def asked(running, request):
    """One request, and what came of the question: until the control has answered, there is one question at a time."""
    before = running.metric("serin_error_pairs_total")
    answered = running.infer(request)
    wait_for(lambda: running.metric("serin_error_pairs_total") > before)
    return answered


def test_versions_that_predict_the_same_agree_and_stable_counts_no_client(versions):
    one, other = versions
    before = one.metric("serin_requests_total"), pairs(other)
    for _ in range(5):
        assert other.infer(ROW)[0] == 200
    wait_for(lambda: pairs(other) >= before[1] + 5)
    assert pairs(other, control_revision="stable", outcome="agree") == pairs(other)
    assert one.metric("serin_requests_total") == before[0]
    assert one.metric("serin_request_duration_seconds_count") == before[0]
    assert one.metric("serin_control_requests_total", code="200") >= 5


def test_a_prediction_that_differs_is_in_the_token_and_its_label_tells_about_both(folder, versions):
    one, _ = versions
    with canary(folder, one.port("http"), doubling(folder / "upside.onnx", -1.0)) as other:
        other.infer(ROW)
        wait_for(lambda: pairs(other, outcome="disagree") == 1)
        answered = other.infer(ROW)[1]
        token = answered["parameters"]["feedback_token"]
        assert one.post("/v2/models/m/feedback", {"token": token, "label": 2})[1]["accepted"] == 1
        labels = {"predicted_revision": "canary", "control_revision": "stable", "age_le": "4"}
        assert one.metric("serin_paired_feedback_total", **labels, pair="only_canary_wrong") == 1
        assert one.metric("serin_feedback_total", predicted_revision="canary", outcome="wrong") == 1


def test_nonsense_of_a_client_blames_nobody_and_a_version_that_fails_alone_is_told(folder, versions):
    one, other = versions
    before = errors(other, "both_failed")
    assert other.infer(tensor("x", "FP32", [1, 4], [1, 2, 3, 4]))[0] == 400
    assert other.infer(tensor("nobody", "FP32", [1, 3], [1, 2, 3]))[0] == 400
    wait_for(lambda: errors(other, "both_failed") == before + 2)
    assert other.post("/v2/models/m/infer", b"{")[0] == 400
    with canary(folder, one.port("http"), identity(folder / "wider.onnx", shape=(None, 4))) as wider:
        asked(wider, ROW)
        asked(wider, tensor("x", "FP32", [1, 4], [1, 2, 3, 4]))
        assert errors(wider, "only_canary_failed") == errors(wider, "only_control_failed") == 1
        assert pairs(wider) == 0
    assert errors(other, "both_failed") == before + 2, "no JSON is no version's fault and no pair"


def test_a_model_that_raises_fails_beside_one_that_does_not(folder):
    with (
        stable(folder, picky(folder / "picky.onnx")) as one,
        canary(folder, one.port("http"), picky(folder / "same.onnx")) as other,
    ):
        asked(other, tensor("x", "INT64", [1], [7]))
        asked(other, tensor("x", "INT64", [1], [3]))
        assert (errors(other, "both_failed"), errors(other, "neither_failed")) == (1, 1)


def test_questions_come_from_grpc_and_binary_tensors_too(versions):
    _, other = versions
    before = pairs(other, outcome="agree")
    raw = np.array([1, 2, 3], np.float32).tobytes()
    told = json.dumps(
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": 12}}]}
    )
    headers = {"Inference-Header-Content-Length": str(len(told))}
    urllib.request.urlopen(
        urllib.request.Request(other.url("/v2/models/m/infer"), told.encode() + raw, headers), timeout=10
    ).close()
    with grpc.insecure_channel(f"127.0.0.1:{other.port('grpc')}") as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            pb.ModelInferRequest.SerializeToString,
            pb.ModelInferResponse.FromString,
        )
        request = pb.ModelInferRequest(model_name="m")
        given = request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
        given.contents.fp32_contents.extend([1, 2, 3])
        assert infer(request, timeout=10).parameters["feedback_token"].string_param
        assert infer(request, timeout=10).parameters["feedback_token"].string_param, "known from the one before"
        with pytest.raises(grpc.RpcError):
            infer(pb.ModelInferRequest(model_name="m"), timeout=10)
    wait_for(lambda: pairs(other, outcome="agree") == before + 3)


def test_a_control_behind_keys_lets_in_who_has_the_models_own_key_and_no_forger(folder):
    (folder / "api").write_text("a:0123456789abcdef")
    with stable(folder, api_keys_file=folder / "api") as one, canary(folder, one.port("http")) as other:
        other.infer(ROW)
        wait_for(lambda: pairs(other, outcome="agree") == 1)
        request = urllib.request.Request(
            one.url("/v2/models/m/infer"), json.dumps({"inputs": [ROW]}).encode(), {"x-serin-control": "k1.forged 1"}
        )
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=10)


def test_a_forged_mark_takes_no_traffic_out_of_the_metrics(versions):
    one, _ = versions
    before = one.metric("serin_requests_total"), one.metric("serin_control_requests_total")
    request = urllib.request.Request(
        one.url("/v2/models/m/infer"), json.dumps({"inputs": [ROW]}).encode(), {"x-serin-control": "k1.Zm9yZ2Vk 1"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "outputs" in json.loads(answer.read())
    assert one.metric("serin_requests_total") == before[0] + 1
    assert one.metric("serin_control_requests_total") == before[1]


def test_a_server_that_meets_its_own_revision_asks_once_and_counts_nothing(folder):
    port = free_port()
    with canary(folder, port, http_port=port, revision="stable") as alone:
        for _ in range(5):
            assert alone.infer(ROW)[0] == 200
        assert alone.metric("serin_control_requests_total", code="200") == 1
        assert alone.metric("serin_requests_total", code="200") == 5
        assert alone.metric("serin_error_pairs_total") == 0


BODY = json.dumps({"inputs": [ROW]}).encode()
WRONG = json.dumps({"inputs": [tensor("x", "FP32", [1, 4], [1, 2, 3, 4])]}).encode()


def question(number, body=BODY):
    """As another version asks it."""
    mark = Marks(SIGNER).mark() + b" " + number.encode()
    head = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: m\r\nx-serin-control: %b\r\ncontent-length: %d\r\n\r\n"
    return head % (mark, len(body)) + body


def answers(port, *requests):
    """Status, body and headers of the answer to each; all are sent in one write."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, connection.makefile("rb") as came:
        connection.sendall(b"".join(requests))
        told = []
        for _ in requests:
            status = int(came.readline().split()[1])
            headers = http.client.parse_headers(came)
            told.append((status, came.read(int(headers["content-length"])), headers))
        return told


def test_questions_that_come_together_are_answered_in_their_order_and_in_one_run(versions):
    one, _ = versions
    before = one.metric("serin_batch_size_count"), one.metric("serin_control_requests_total")
    bodies = [BODY, BODY, WRONG, BODY, BODY]
    told = answers(one.port("http"), *[question(str(number), body) for number, body in enumerate(bodies)])
    assert [status for status, *_ in told] == [200, 200, 400, 200, 200]
    claims = [SIGNER.read(body.decode()) for _, body, _ in told]
    assert [claim.request_id for claim in claims] == ["0", "1", "2", "3", "4"]
    assert one.metric("serin_batch_size_count") == before[0] + 1
    assert one.metric("serin_control_requests_total") == before[1] + 5


def test_a_clients_request_between_questions_is_answered_in_its_place_and_counted(versions):
    one, _ = versions
    before = one.metric("serin_requests_total")
    asked = b"POST /v2/models/m/infer HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
    told = answers(one.port("http"), question("1"), question("2"), asked, question("3"))
    assert [b"outputs" in body for _, body, _ in told] == [False, False, True, False]
    assert one.metric("serin_requests_total") == before + 1


def test_a_connection_that_has_had_its_number_of_requests_ends_behind_all_that_was_asked_together(folder):
    with stable(folder, connection_max_requests=2) as one:
        told = answers(one.port("http"), *[question(str(number)) for number in range(5)])
        assert [headers["connection"] for *_, headers in told] == [None, None, None, None, "close"]


def answer_of(token):
    return lambda _: plain("200 OK", token)


BAD = {
    "answers nonsense": (lambda _: b"\x00\x01nonsense\r\n\r\n", "unreadable"),
    "answers with what nobody signed": (answer_of(b"k1.Zm9yZ2Vk"), "unproven"),
    "serves something else": (lambda _: plain("404 Not Found", b"<html>"), "unproven"),
    "is overloaded": (lambda _: plain("503 Service Unavailable", b"{}"), "unproven"),
    "never ends": (lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + b"x" * 70_000, "unreadable"),
    "hangs": (lambda _: None, "late"),
    "hangs up": (lambda _: b"", "late"),
}


@pytest.mark.parametrize(("answer", "trouble"), BAD.values(), ids=BAD)
def test_a_bad_control_costs_a_pair_and_nothing_else(folder, answer, trouble):
    with control(answer) as bad, canary(folder, bad.port, pairing_timeout_seconds=0.5) as other:
        for _ in range(10):
            status, answered = other.infer(ROW)
            assert status == 200
            assert answered["parameters"]["feedback_token"]
        wait_for(lambda: other.metric("serin_pair_troubles_total", reason=trouble) >= 1)
        assert 1 <= len(bad.asked) <= 4, "after three troubles it pauses"
        wait_for(lambda: pairs(other, control_revision="", outcome="no_answer") == len(bad.asked))
        assert other.metric("serin_requests_total", code="200", error="false") == 10
        assert other.metric("serin_pair_wait_seconds_count") == 0, "nobody waits for one that has never answered"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}", "http://localhost:{}", "https://127.0.0.1:{}", "http://nobody.invalid"]
)
def test_a_control_that_is_not_there_costs_a_pair_and_nothing_else(folder, address):
    with canary(folder, 0, pairing_control=address.format(free_port())) as other:
        assert [other.infer(ROW)[0] for _ in range(10)] == [200] * 10
        wait_for(lambda: other.metric("serin_pair_troubles_total", reason="unreachable") >= 1)


def test_a_control_that_speaks_tls_is_asked_by_who_has_its_certificate(folder):
    tls_of_this_machine(folder)
    files = {"tls_cert_file": folder / "store.crt", "tls_key_file": folder / "store.key"}
    with (
        stable(folder, ready=False, **files) as one,
        canary(folder, 0, ready=False, pairing_control=f"https://127.0.0.1:{one.port('http')}", **files) as other,
    ):
        trusting = ssl.create_default_context(cafile=str(folder / "store.crt"))

        def infer():
            url = f"https://127.0.0.1:{other.port('http')}/v2/models/m/infer"
            try:
                with urllib.request.urlopen(
                    url, json.dumps({"inputs": [ROW]}).encode(), 10, context=trusting
                ) as answer:
                    return answer.status == 200
            except OSError:
                return False

        wait_for(lambda: one.get("/v2/health/ready", "metrics")[0] == 200)
        wait_for(infer)
        wait_for(lambda: pairs(other, outcome="agree") >= 1)


def test_a_wait_for_the_control_is_no_part_of_the_duration(folder):
    with stable(folder) as one, canary(folder, one.port("http"), pairing_timeout_seconds=1) as other:
        wait_for(lambda: other.infer(ROW)[0] == 200 and pairs(other, outcome="agree"))
        one.process.send_signal(signal.SIGSTOP)
        try:
            asking = urllib.request.Request(other.url("/v2/models/m/infer"), json.dumps({"inputs": [ROW]}).encode())
            with urllib.request.urlopen(asking, timeout=20) as answer:
                assert json.loads(answer.read())["parameters"]["feedback_token"]
        finally:
            one.process.send_signal(signal.SIGCONT)
        assert other.metric("serin_pair_wait_seconds_sum") > 0.9
        assert other.metric("serin_request_duration_seconds_sum") < 0.9
