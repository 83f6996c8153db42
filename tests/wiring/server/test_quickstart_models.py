"""The quickstart's five models, from training to their verdict: signed, in a bucket of its S3 server, resolved as its Job does.

Only the cluster is left out; `make quickstart` itself has that.
"""

import json

import pytest
import yaml
from tests.support import stores
from tests.support.kubernetes import ROOT
from tests.support.ports import free_port

from quickstart.bucket import Bucket
from quickstart.example import FOLDER, NAMESPACE, Example
from quickstart.signing import Signer
from serin_server.cli import main

# The first run builds the server, on a busy machine for many minutes (make stores).
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return Example.train(ROOT, tmp_path_factory.mktemp("quickstart"), {})


@pytest.fixture(scope="module")
def flags(example):
    """What the Job of a version is given, with the S3 server of the example running as its manifest says."""
    out, bucket, signer = example.out, Bucket.with_a_new_key(NAMESPACE), Signer()
    credentials = out / "credentials"
    for folder in ("buckets/models", "attributes", "credentials"):
        (out / folder).mkdir(parents=True)
    deployment = next(yaml.safe_load_all((ROOT / FOLDER / "bucket.yaml").read_text()))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    port = free_port()
    opened_by = bucket.secret()["stringData"] | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    given = {
        "--port=:7070": f"--port=127.0.0.1:{port}",
        "--region=$(AWS_REGION)": f"--region={opened_by['AWS_REGION']}",
        "--sidecar=/attributes": f"--sidecar={out}/attributes",
        "/buckets": f"{out}/buckets",
    }
    assert set(given) <= set(container["args"])
    command = [str(stores.program("versitygw")), *(given.get(each, each) for each in container["args"])]
    environment = {each["name"]: opened_by[each["valueFrom"]["secretKeyRef"]["key"]] for each in container["env"]}
    with stores.running(command, port, out / "versitygw.log", environment):
        example.sign(signer)
        bucket.upload(opened_by["AWS_ENDPOINT_URL"], out / "models", example.files())
        for name, value in opened_by.items():
            (credentials / name).write_text(value)
        (out / "keys.pem").write_text(signer.public_key)
        yield ("--source-credentials-dir", credentials, "--verify-keys", out / "keys.pem", "--preflight-golden", "fail")


@pytest.mark.parametrize(
    ("version", "reason", "words"),
    [
        ("v1", None, "20 of 20 golden samples"),
        ("v2", None, "20 of 20 golden samples"),
        ("v3", None, "20 of 20 golden samples"),
        ("v4", "ModelInvalid", "cut short"),
        (
            "v5",
            "GoldenSampleFailed",
            "of 20 golden samples give their outputs, all of them must; sample 2: output 'label'",
        ),
    ],
)
def test_each_version_of_the_quickstart_gets_the_verdict_that_it_promises(
    tmp_path, example, flags, version, reason, words
):
    log = tmp_path / "log"
    model = yaml.safe_load(example.manifest(version).read_text())["spec"]["model"]["uri"]
    asked = ("resolve", "--model", model, "--cache-dir", tmp_path / "cache", "--termination-log", log, *flags)
    code = main([str(each) for each in asked])
    told = json.loads(log.read_text())
    assert (told.get("reason"), code == 0) == (reason, reason is None)
    said = [told.get("message", ""), *(row["message"] for row in told.get("preflight", []))]
    assert any(words in each for each in said)
