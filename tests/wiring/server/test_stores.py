"""Models from real servers of stores: what is there, what is missing, who is refused, and what comes only half."""

import hashlib
import json
import shutil
import subprocess
import sys
from time import process_time

import httpx
import obstore
import pytest
from obstore.store import AzureStore, GCSStore, S3Store
from tests.support import stores
from tests.support.artifacts import digest_of, manifest_of, raw
from tests.support.cosigned import INDEX, by_key, index_of, payload_of, referring, statement_about
from tests.support.models import doubling
from tests.support.signing import Signer
from tests.support.sigstore import IDENTITY, ISSUER, Sigstore

from serin_server.failures import LoadFailure
from serin_server.model.source import Source, fetch
from serin_server.security.signed import check_by
from serin_server.security.signers import Trust

# The first run builds the servers, on a busy machine for many minutes (make stores).
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

BUCKETS = {
    "s3": (stores.s3, S3Store, "models"),
    "gs": (stores.gcs, GCSStore, "models"),
    "az": (stores.azure, AzureStore, "models"),
}


class Bucket:
    """A bucket of a real server, and how it is fetched from."""

    def __init__(self, scheme, variables, folder):
        self.scheme, self.variables, self.folder = scheme, variables, folder
        self.name = BUCKETS[scheme][2]
        self.store = BUCKETS[scheme][1](self.name, config=variables, client_options={"allow_http": True})

    def uri(self, key):
        return f"{self.scheme}://{self.name}/{key}"

    def put(self, key, content):
        if self.scheme == "gs":  # this server takes uploads by the JSON API only, which obstore does not speak
            stores.put_into_gcs(self.variables, self.name, key, content)
        else:
            obstore.put(self.store, key, content)

    def fetched(self, uri, **more):
        changes = more.pop("variables", {})
        credentials = self.folder / "credentials"
        shutil.rmtree(credentials, ignore_errors=True)
        credentials.mkdir()
        for name, value in {**self.variables, **changes}.items():
            if value:
                (credentials / name).write_text(value)
        settings = {"cache_dir": self.folder / "cache", "credentials_dir": credentials, "timeout_seconds": 2, **more}
        try:
            return fetch(Source(uri, **settings))
        except LoadFailure as failure:
            told = failure
        keys = [
            {**self.variables, **changes}.get(f"{name}_KEY", "-")
            for name in ("AWS_SECRET_ACCESS", "AZURE_STORAGE_ACCOUNT")
        ]
        assert not any(len(key) > 1 and key in told.message for key in keys)
        assert uri in told.message
        return told


@pytest.fixture(scope="module", params=sorted(BUCKETS))
def bucket(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with BUCKETS[request.param][0](folder) as variables:
        if request.param == "s3":
            (folder / "buckets" / "models").mkdir()
        ours = Bucket(request.param, variables, folder)
        model = doubling(folder / "m.onnx").read_bytes()
        for key, content in (
            ("credit/v1/model.onnx", model),
            ("credit/v1/baseline.json", b"{}"),
            ("credit/v1/more/x", b"y"),
        ):
            ours.put(key, content)
        ours.model = model
        yield ours


def test_an_object_is_fetched_and_verified(bucket):
    found = bucket.fetched(bucket.uri("credit/v1/model.onnx"))
    assert found.path.read_bytes() == bucket.model
    assert found.sha256 == hashlib.sha256(bucket.model).hexdigest()


@pytest.mark.parametrize("key", ["credit/v1", "credit/v1/"])
def test_everything_below_a_key_is_a_folder(bucket, key):
    found = bucket.fetched(bucket.uri(key))
    assert sorted(str(p.relative_to(found.path)) for p in found.path.rglob("*") if p.is_file()) == [
        "baseline.json", "model.onnx", "more/x",
    ]  # fmt: skip


def test_what_is_not_there_is_not_found(bucket):
    # This server of gs answers 500 where a bucket is missing; Google answers 404, as the other two.
    elsewhere = [] if bucket.scheme == "gs" else [f"{bucket.scheme}://nobucket/credit/v1"]
    for uri in (bucket.uri("credit/v9/model.onnx"), *elsewhere):
        failure = bucket.fetched(uri)
        assert failure.reason == "SourceNotFound", failure


def test_who_has_no_credentials_is_told_where_to_put_them(bucket):
    wrong = {
        "s3": {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret-key"},
        "az": {"AZURE_STORAGE_ACCOUNT_KEY": "YS13cm9uZy1rZXk="},
    }
    if bucket.scheme not in wrong:
        pytest.skip("this server asks for none")
    failure = bucket.fetched(bucket.uri("credit/v1/model.onnx"), variables=wrong[bucket.scheme])
    assert failure.reason == "SourceForbidden", failure
    assert "spec.model.credentials" in failure.message


def test_a_store_that_is_away_is_unreachable(bucket):
    endpoint = {"s3": "AWS_ENDPOINT_URL", "gs": "GOOGLE_BASE_URL", "az": "AZURE_STORAGE_ENDPOINT"}[bucket.scheme]
    failure = bucket.fetched(bucket.uri("credit/v1/model.onnx"), variables={endpoint: "http://127.0.0.1:1/x"})
    assert failure.reason == "SourceUnreachable", failure
    assert "127.0.0.1:1" in failure.message


MEMORY = """
import json, sys
from pathlib import Path
from serin_server.model.source import Source, fetch

def most_of_memory():
    # Not ru_maxrss, which begins with what the process had that started this one.
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))

most = []
for uri in sys.argv[3:]:
    fetch(Source(uri, cache_dir=Path(sys.argv[1]), credentials_dir=Path(sys.argv[2])))
    most.append(most_of_memory())
print(json.dumps(most))
"""


def test_a_large_model_takes_no_more_memory_than_a_small_one(tmp_path):
    with stores.s3(tmp_path) as variables:
        bucket = tmp_path / "buckets" / "models"
        bucket.mkdir()
        doubling(bucket / "small.onnx")
        with (bucket / "large.onnx").open("wb") as sparse:
            sparse.truncate(512 << 20)
        credentials = tmp_path / "credentials"
        credentials.mkdir()
        for name, value in variables.items():
            (credentials / name).write_text(value)
        uris = [f"s3://models/{name}.onnx" for name in ("small", "large")]
        command = [sys.executable, "-c", MEMORY, str(tmp_path / "cache"), str(credentials), *uris]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    small, large = json.loads(told)
    assert large - small < 60 << 10, f"{small:,} KiB for a small model, {large:,} KiB for 512 MiB"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with stores.registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def push(host, layers, tag):
    """As the specification of the protocol has it."""
    manifest, config = manifest_of(layers)
    push_manifest(host, manifest, tag, config, *(layer.content for layer in layers))
    return digest_of(manifest)


def push_manifest(host, manifest, tag, *blobs, media="application/vnd.oci.image.manifest.v1+json"):
    with httpx.Client(base_url=f"http://{host}/v2/acme/credit", trust_env=False) as client:
        for content in blobs:
            place = client.post("/blobs/uploads/").headers["Location"]
            client.put(
                httpx.URL(place).copy_merge_params({"digest": digest_of(content)}), content=content
            ).raise_for_status()
        client.put(f"/manifests/{tag}", content=manifest, headers={"Content-Type": media}).raise_for_status()


def test_an_artifact_of_a_registry_is_fetched_by_its_tag_and_by_its_digest(registry, tmp_path):
    model = doubling(tmp_path / "m.onnx").read_bytes()
    pushed = push(registry, [raw(model)], "v1")
    found = fetch(Source(f"oci+http://{registry}/acme/credit:v1", cache_dir=tmp_path / "cache"))
    assert found.sha256 == hashlib.sha256(model).hexdigest()
    assert found.resolved_uri == f"oci+http://{registry}/acme/credit@{pushed}"
    push(registry, [raw(b"another model")], "v1")
    assert fetch(Source(found.resolved_uri, cache_dir=tmp_path / "again")).sha256 == found.sha256
    with pytest.raises(LoadFailure, match="answered 404"):
        fetch(Source(f"oci+http://{registry}/acme/credit:v9", cache_dir=tmp_path / "cache"))


def test_signatures_of_cosign_are_found_in_a_real_registry_and_cost_a_tenth_of_a_second(registry, tmp_path):
    ours, key, stranger = Sigstore(), Signer(), Signer()
    (tmp_path / "root.json").write_text(json.dumps(ours.trusted_root()))
    (tmp_path / "keys.pem").write_bytes(key.public())
    by_root = Trust(root=tmp_path / "root.json", names=(IDENTITY,), issuer=ISSUER, of_artifact=True)
    by_keys = Trust(tmp_path / "keys.pem", of_artifact=True)

    took = []

    def signer_of(tag, trust):
        source = Source(f"oci+http://{registry}/acme/credit:{tag}", cache_dir=tmp_path / tag, with_signatures=True)
        fetched, began = fetch(source), process_time()
        try:
            return check_by(trust)(fetched)
        finally:
            took.append(process_time() - began)

    for tag in ("unsigned", "tagged", "attached"):
        pushed = push(registry, [raw(tag.encode())], tag)
        if tag == "tagged":
            push(registry, [by_key(payload_of(pushed), key)], f"{pushed.replace(':', '-')}.sig")
        if tag == "attached":  # this registry keeps no list of what refers to what
            bundle = json.dumps(ours.bundle(statement_about(pushed), ours.certificate())).encode()
            manifest = referring(bundle, pushed)
            push_manifest(registry, manifest, digest_of(manifest), bundle, b"{}")
            push_manifest(registry, index_of([manifest]), pushed.replace(":", "-"), media=INDEX)
    assert signer_of("tagged", by_keys).startswith("key ")
    assert signer_of("attached", by_root) == f"{IDENTITY} ({ISSUER})"
    (tmp_path / "keys.pem").write_bytes(stranger.public())
    for tag, trust, reason in (
        ("unsigned", by_root, "SignatureMissing"),
        ("tagged", by_root, "SignerNotAllowed"),
        ("tagged", by_keys, "SignerNotAllowed"),
        ("attached", by_keys, "SignerNotAllowed"),
    ):
        with pytest.raises(LoadFailure, match=reason):
            signer_of(tag, trust)
    assert max(took[1:]) < 0.1, f"{took} s"  # the first has loaded what verifies
