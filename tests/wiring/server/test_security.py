"""TLS with certificates that change, API keys and tokens, and the logs that tell of requests."""

import datetime as dt
import json
import ssl
import string
import time
import urllib.error
import urllib.request
from contextlib import suppress

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.models import doubling
from tests.support.serving import serving, tensor, wait_for

from serin_server.records.access import AccessLog
from serin_server.refusals import Kind, Refusal
from serin_server.security.access import AccessControl
from serin_server.security.watch import FileWatch

pytestmark = pytest.mark.slow

ROW = tensor("x", "FP32", [1, 3], [1, 2, 3])


def certificate(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(key.private_bytes(pem, *plain))
    (folder / "tls.crt").write_bytes(built.public_bytes(pem))
    return built


def test_https_serves_and_notices_a_new_certificate(tmp_path, monkeypatch):
    first = certificate(tmp_path, "first")
    files = {"tls_cert_file": tmp_path / "tls.crt", "tls_key_file": tmp_path / "tls.key"}
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, ready=False, **files) as running:
        port = running.port("http")

        def serial():
            pem = ssl.get_server_certificate(("127.0.0.1", port))
            return x509.load_pem_x509_certificate(pem.encode()).serial_number

        assert serial() == first.serial_number
        context = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
        body = json.dumps({"inputs": [ROW]}).encode()

        def infer():
            url = f"https://localhost:{port}/v2/models/m/infer"
            try:
                with urllib.request.urlopen(url, body, timeout=10, context=context) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError:
                return None

        assert wait_for(infer)["outputs"][0]["data"] == [2, 4, 6]
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        credentials = grpc.ssl_channel_credentials((tmp_path / "tls.crt").read_bytes())
        with grpc.secure_channel(f"localhost:{running.port('grpc')}", credentials) as channel:
            status = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).status
            assert status == health_pb2.HealthCheckResponse.SERVING
        second = certificate(tmp_path, "second")
        wait_for(lambda: serial() == second.serial_number)


def test_a_reload_that_fails_is_told_and_leaves_the_old_in_place(tmp_path):
    (tmp_path / "keys").write_text("ci:0123456789abcdef")
    access = AccessControl(tmp_path / "keys", None)
    watch = FileWatch(access.files, access.reload)
    assert watch.look() == ""
    (tmp_path / "keys").write_text("nonsense")
    assert "the old one stays" in watch.look()
    assert watch.look() == ""
    access.check(b"Bearer 0123456789abcdef")
    (tmp_path / "keys").write_text("ci:fedcba9876543210")
    assert watch.look() == ""
    with pytest.raises(Refusal):
        access.check(b"Bearer 0123456789abcdef")
    access.check(None, b"fedcba9876543210")


@pytest.fixture
def signing(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    public = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": "k1", "alg": "ES256"}
    (tmp_path / "jwks").write_text(json.dumps({"keys": [public]}))
    return key, AccessControl(None, tmp_path / "jwks", audience="models", issuer="https://issuer")


def token(key, algorithm="ES256", **changes):
    claims = {"aud": "models", "iss": "https://issuer", "exp": time.time() + 60, **changes}
    return (
        b"Bearer " + jwt.encode({k: v for k, v in claims.items() if v}, key, algorithm, headers={"kid": "k1"}).encode()
    )


def test_a_token_of_the_key_set_opens_and_is_remembered(signing):
    key, access = signing
    good = token(key)
    access.check(good)
    assert len(access._believed) == 1
    access.check(good)


@pytest.mark.parametrize(
    "changes",
    [{"exp": 1}, {"aud": "others"}, {"iss": "https://stranger"}, {"exp": None}, {"aud": None}, {"exp": 10**400}],
)
def test_a_token_that_says_something_else_does_not(signing, changes):
    key, access = signing
    with pytest.raises(Refusal) as refusal:
        access.check(token(key, **changes))
    assert refusal.value.kind is Kind.UNAUTHENTICATED


def test_a_token_without_a_subject_is_one_caller_however_its_signature_is_written(signing):
    key, access = signing
    good = token(key)
    # Four bits of its last digit mean nothing, and what fills up its length is passed over.
    written = [good + b"==", *(good[:-1] + b"%c" % digit for digit in (string.ascii_letters + "0123456789-_").encode())]
    callers = set()
    for each in written:
        with suppress(Refusal):
            callers.add(access.check(each))
    assert callers == {access.check(good)}
    assert access.check(token(key, jti="another")) not in callers


def test_a_subject_may_be_any_text(signing):
    key, access = signing
    assert access.check(token(key, sub="\ud800")) == access.check(token(key, sub="\ud800", jti="another"))


def test_a_token_of_another_key_or_of_no_key_does_not(signing):
    _, access = signing
    for bad in (
        token(ec.generate_private_key(ec.SECP256R1())),
        token("a shared secret of more than 32 bytes", "HS256"),
        b"Bearer " + jwt.encode({"exp": time.time() + 60}, None, "none").encode(),
        b"Bearer x.y.z", b"Bearer ", b"Basic abc", b"\xff", None,
    ):  # fmt: skip
        with pytest.raises(Refusal):
            access.check(bad)


SECRET = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "shared"}
HALF = {"kty": "RSA", "n": "AQAB", "kid": "half", "d": "PRIVATE"}
OTHER = {"kty": "EC", "crv": "secp256k1", "x": "-xw4jI7p5KJ-n6hUbEM0G6BBbZ4aLsoRqUoXGIsPQ2s",
         "y": "H-_vPx2Q4f0xJ50uxZSOzcI022hBA_5ZwcmWunVsTGo"}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([SECRET], "key 1 .kid 'shared'. is a shared secret"),
        ([SECRET, HALF], "shared secret.*key 2 .kid 'half'. is incomplete"),
        ([OTHER], "ES256K"),
        ([5, {}, {"kty": "unheard"}], "key 1 is no JSON object; key 2 is incomplete"),
        ([], "not a JSON Web Key Set"),
        ({}, "not a JSON Web Key Set"),
        (None, "not a JSON Web Key Set"),
    ],
)
def test_a_key_set_with_which_nobody_could_pass_is_refused_and_never_shown(tmp_path, keys, words):
    (tmp_path / "jwks").write_text(json.dumps({"keys": keys}))
    with pytest.raises(ValueError, match=words) as refusal:
        AccessControl(None, tmp_path / "jwks")
    assert not any(secret in str(refusal.value) for secret in (SECRET["k"], "PRIVATE"))


def test_of_a_key_set_the_usable_keys_are_taken_and_the_others_told(tmp_path, signing):
    key, _ = signing
    public = json.loads((tmp_path / "jwks").read_text())["keys"][0]
    (tmp_path / "jwks").write_text(json.dumps({"keys": [SECRET, public, {**public, "kid": "k2", "use": "enc"}]}))
    told = []
    access = AccessControl(None, tmp_path / "jwks", "models", "https://issuer", told.append)
    access.check(token(key))
    assert [len(sentences) for sentences in told] == [2]
    assert "shared secret" in told[0][0]
    assert "not for signatures" in told[0][1]
    watch = FileWatch(access.files, access.reload)
    (tmp_path / "jwks").write_text(json.dumps({"keys": [SECRET]}))
    assert "nobody could come in" in watch.look()
    access.check(token(key))


@pytest.mark.parametrize("file", ["jwks", "keys"])
def test_a_server_does_not_start_with_keys_that_open_to_nobody(tmp_path, capsys, file):
    from serin_server.cli import main

    (tmp_path / "jwks").write_text(json.dumps({"keys": [SECRET]}))
    (tmp_path / "keys").write_text("")
    flag = {"jwks": "--jwks-file", "keys": "--api-keys-file"}[file]
    assert main(["serve", "--model", str(tmp_path / "m.onnx"), flag, str(tmp_path / file)]) == 2
    assert "SERIN_" in capsys.readouterr().err


def test_inference_and_feedback_ask_for_a_key_and_health_and_metadata_do_not(tmp_path):
    (tmp_path / "keys").write_text("ci:0123456789abcdef\n")
    with serving(
        doubling(tmp_path / "m.onnx"), tmp_path, api_keys_file=tmp_path / "keys", access_log_sample=1
    ) as running:
        assert running.infer(ROW)[0] == 401
        assert running.post("/v2/models/m/feedback", {})[0] == 401
        assert running.get("/v2/models/m")[0] == 200
        request = urllib.request.Request(
            running.url("/v2/models/m/infer"), json.dumps({"inputs": [ROW], "id": "seven"}).encode(),
            {"Authorization": "Bearer 0123456789abcdef"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        from tritonclient import grpc

        client = grpc.InferenceServerClient(f"127.0.0.1:{running.port('grpc')}")
        given = grpc.InferInput("x", [1, 3], "FP32").set_data_from_numpy(__import__("numpy").ones((1, 3), "f4"))
        with pytest.raises(grpc.InferenceServerException, match="key or token"):
            client.infer("m", [given])
        client.infer("m", [given], headers={"authorization": "Bearer 0123456789abcdef"})
        assert running.metric("serin_requests_total", code="401", error="false") == 2
        logged = [event for event in running.events() if event["event"] == "request"]
        assert [(event["transport"], event["status"]) for event in logged] == [
            ("http", 401), ("http", 200), ("grpc", 401), ("grpc", 200)
        ]  # fmt: skip
        assert logged[1]["id"] == "seven"


def test_the_access_log_is_sampled_but_never_silent_about_failures():
    lines = []

    class Told:
        def info(self, event, **fields):
            lines.append(fields["status"])

    log = AccessLog(Told(), 0.5, chance=iter([0.1, 0.9, 0.4]).__next__)
    for status in (200, 200, 500, 400):
        log.note("http", status, 0.001, 1, "")
    assert lines == [200, 500, 400]
