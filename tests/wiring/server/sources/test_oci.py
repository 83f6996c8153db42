"""Models in OCI registries: each way of packing, each digest verified, logins as registries ask for them."""

import base64
import hashlib
import json

import pytest
from tests.support.artifacts import KIT, MODELPACK, Layer, digest_of, manifest_of, packed, raw
from tests.support.models import doubling
from tests.support.pages import pages

SECRET = "password-of-the-registry"


@pytest.fixture
def registry():
    with pages() as there:

        def push(layers, tag="v1", config=f"{MODELPACK}.config.v1+json"):
            manifest, _ = manifest_of(layers, config)
            there.found[f"/v2/acme/credit/manifests/{tag}"] = manifest
            there.found[f"/v2/acme/credit/manifests/{digest_of(manifest)}"] = manifest
            there.found |= {f"/v2/acme/credit/blobs/{digest_of(l.content)}": l.content for l in layers}
            return digest_of(manifest)

        there.push = push
        there.uri = f"oci+http://127.0.0.1:{there.port}/acme/credit"
        yield there


@pytest.fixture
def model(tmp_path):
    return doubling(tmp_path / "m.onnx").read_bytes()


def test_one_raw_layer_has_the_digest_of_the_model_itself(registry, model, fetched):
    pushed = registry.push([raw(model)])
    found = fetched(f"{registry.uri}:v1")
    assert found.sha256 == hashlib.sha256(model).hexdigest()
    assert found.resolved_uri == f"{registry.uri}@{pushed}"
    assert fetched(found.resolved_uri).resolved_uri == ""


@pytest.mark.parametrize(
    "layers",
    [
        lambda m: [raw(m), raw(b"{}", "baseline.json", "weight.config")],
        lambda m: [packed(f"{MODELPACK}.weight.v1.tar+gzip", {"model.onnx": m, "baseline.json": b"{}"})],
        lambda m: [packed(f"{KIT}.model.v1.tar", {"./model.onnx": m}, zipped=False), packed(f"{KIT}.docs.v1.tar+gzip", {"baseline.json": b"{}"})],
        lambda m: [
            Layer("application/octet-stream", m, {"org.opencontainers.image.title": "model.onnx"}),
            Layer("application/json", b"{}", {"org.opencontainers.image.title": "baseline.json"}),
        ],
        lambda m: [
            packed(
                "application/vnd.oci.image.layer.v1.tar+gzip", {"model.onnx": m, "baseline.json": b"{}"},
                **{"org.opencontainers.image.title": "credit", "io.deis.oras.content.unpack": "true"},
            )
        ],
        lambda m: [raw(m), raw(b"{}", "baseline.json", "doc"), raw(b"1,2", "train.csv", "dataset"), raw(b"x", "train.py", "code")],
    ],
    ids=["ModelPack raw", "ModelPack tar+gzip", "KitOps", "files of ORAS", "a folder of ORAS", "without data sets and code"],
)  # fmt: skip
def test_each_way_of_packing_a_folder_gives_the_same_model(registry, model, fetched, layers):
    registry.push(layers(model))
    found = fetched(f"{registry.uri}:v1")
    lines = sorted(
        f"{hashlib.sha256(c).hexdigest()}  {n}\n" for n, c in (("model.onnx", model), ("baseline.json", b"{}"))
    )
    assert found.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_a_layer_that_is_not_what_its_digest_says_is_refused_before_it_is_opened(registry, model, fetched):
    layer = packed(f"{MODELPACK}.weight.v1.tar+gzip", {"model.onnx": model})
    registry.push([layer])
    registry.found[f"/v2/acme/credit/blobs/{digest_of(layer.content)}"] = layer.content[:-1] + b"x"
    assert fetched(f"{registry.uri}:v1").reason == "DigestMismatch"


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(registry, model, fetched):
    pushed = registry.push([raw(model)])
    registry.found[f"/v2/acme/credit/manifests/{pushed}"] = manifest_of([raw(model + b"x")])[0]
    assert fetched(f"{registry.uri}@{pushed}").reason == "DigestMismatch"


def bomb():
    return packed(f"{MODELPACK}.weight.v1.tar+gzip", {"model.onnx": bytes(100 << 20)})


@pytest.mark.parametrize(
    ("layers", "config", "words"),
    [
        ([Layer("application/vnd.oci.image.layer.v1.tar+gzip", b"x", {})], "application/vnd.oci.image.config.v1+json", "container image"),
        ([Layer(f"{MODELPACK}.weight.v1.tar+zstd", b"x", {})], "x", "zstd is not read"),
        ([Layer("application/octet-stream", b"x", {})], "x", "no file name"),
        ([packed(f"{MODELPACK}.weight.v1.tar", {"../model.onnx": b"x"})], "x", "no path below it"),
        ([packed(f"{MODELPACK}.weight.v1.tar", {"/etc/passwd": b"x"})], "x", "no path below it"),
        ([Layer(f"{MODELPACK}.weight.v1.tar", b"no tar", {})], "x", "no tar that can be read"),
        ([bomb], "x", "times its own size"),
        ([raw(b"1"), raw(b"2")], "x", "two files by one name"),
        ([], "x", "holds no file"),
    ],
    ids=["an image", "zstd", "no name", "upwards", "absolute", "no tar", "a bomb", "twice", "nothing"],
)  # fmt: skip
def test_what_cannot_be_served_is_refused_in_a_sentence(registry, fetched, layers, config, words):
    registry.push([each() if each is bomb else each for each in layers], config=config)
    failure = fetched(f"{registry.uri}:v1")
    assert words in failure.message, failure
    assert failure.exit_code == 64


def docker(there, password=SECRET):
    auth = base64.b64encode(f"ann:{password}".encode()).decode()
    return json.dumps({"auths": {f"127.0.0.1:{there.port}": {"auth": auth}}})


def guarded(there, realm=None):
    """Asks for a token for every address but that of the tokens."""
    challenge = {
        "WWW-Authenticate": f'Bearer realm="{realm or there.address}/token",service="tests",scope="repository:acme/credit:pull"'
    }
    for path, page in list(there.found.items()):

        def answer(page=page):
            sent = {name.lower(): value for name, value in there.asked[-1][1].items()}
            return page if sent.get("authorization") == "Bearer the-token" else (401, challenge, b"{}")

        there.found[path] = answer

    def token():
        sent = there.asked[-1][1].get("Authorization", "")
        right = base64.b64encode(f"ann:{SECRET}".encode()).decode()
        return {"token": "the-token"} if sent == f"Basic {right}" else (401, {}, b"{}")

    there.found["/token?service=tests&scope=repository%3Aacme%2Fcredit%3Apull"] = token


def test_a_token_is_asked_for_with_the_password_of_the_docker_configuration(registry, model, fetched, secret):
    registry.push([raw(model)])
    guarded(registry)
    assert fetched(f"{registry.uri}:v1", secret(DOTdockerconfigjson=docker(registry))).path
    for refused in (
        fetched(f"{registry.uri}:v2"),
        fetched(f"{registry.uri}:v1", secret(DOTdockerconfigjson=docker(registry, "wrong")), "0" * 64),
    ):
        assert refused.reason in ("SourceForbidden", "SourceNotFound")
        assert "wrong" not in refused.message


def test_a_password_goes_nowhere_further_inside_than_the_registry(registry, model, fetched, secret):
    registry.push([raw(model)])
    guarded(registry, "http://169.254.169.254")
    failure = fetched(f"{registry.uri}:v1", secret(DOTdockerconfigjson=docker(registry)))
    assert failure.reason == "SourceForbidden"
    assert "169.254.169.254" in failure.message
    assert SECRET not in failure.message


def test_a_blob_at_another_host_is_fetched_without_the_token(registry, model, fetched, secret):
    with pages() as blobs:
        layer = raw(model)
        registry.push([layer])
        blobs.found["/blob"] = model
        registry.found[f"/v2/acme/credit/blobs/{digest_of(layer.content)}"] = (
            307,
            {"Location": f"{blobs.address}/blob"},
            b"",
        )
        guarded(registry)
        assert fetched(f"{registry.uri}:v1", secret(DOTdockerconfigjson=docker(registry))).path
        assert [("Authorization" in headers) for _, headers in blobs.asked] == [False]


@pytest.mark.parametrize(
    "uri", ["oci://host", "oci://host/Upper:v1", "oci://host/name@sha256:short", "oci://u:p@host/name:v1"]
)
def test_a_reference_that_is_none_is_refused_with_how_it_is_written(fetched, uri):
    failure = fetched(uri)
    assert failure.reason == "SourceUnsupported"
    assert "oci://host/repository:tag" in failure.message
