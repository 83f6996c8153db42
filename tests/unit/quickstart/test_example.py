from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.kubernetes import ROOT

from quickstart.bucket import BUCKET, PORT, Bucket
from quickstart.example import FOLDER, NAMESPACE, Example, disagreements
from quickstart.place import BUCKET_IMAGE, SERVING_IMAGE
from quickstart.signing import Signer

EXPECTED = {"labels": [1, 0], "probabilities": [[0.1, 0.9], [0.8, 0.2]]}
LOCAL = {SERVING_IMAGE: "localhost/server:here", BUCKET_IMAGE: "localhost/s3:here"}


def served(labels: list[int], probabilities: list[float]) -> dict[str, object]:
    return {"outputs": [{"name": "label", "data": labels}, {"name": "probabilities", "data": probabilities}]}


def test_a_prediction_within_float_precision_agrees() -> None:
    assert disagreements(served([1, 0], [0.1000001, 0.9, 0.8, 0.2]), EXPECTED) == []


def test_other_labels_or_probabilities_are_told() -> None:
    assert len(disagreements(served([0, 0], [0.1, 0.9, 0.7, 0.3]), EXPECTED)) == 2


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(root=ROOT, out=tmp_path, models={}, images=LOCAL)


def one(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def test_a_version_differs_from_the_example_in_its_version_and_its_folder_of_the_bucket_only(example: Example) -> None:
    first = yaml.safe_load((ROOT / FOLDER / "modeldeployment.yaml").read_text())
    fifth = yaml.safe_load(example.manifest("v5").read_text())
    assert fifth["spec"]["model"] == first["spec"]["model"] | {"version": "v5", "uri": f"s3://{BUCKET}/v5/"}
    assert fifth["spec"] | {"model": None} == first["spec"] | {"model": None}


def test_the_model_is_opened_and_believed_by_what_lies_beside_its_bucket(example: Example) -> None:
    bucket, signer = Bucket.with_a_new_key(NAMESPACE), Signer()
    objects = example.home(bucket, signer)
    model = yaml.safe_load(example.manifest("v1").read_text())["spec"]["model"]
    secret, keys, service = one(objects, "Secret"), one(objects, "ConfigMap"), one(objects, "Service")
    assert model["credentials"] == {"secretName": secret["metadata"]["name"]}
    assert model["verify"]["publicKeys"] == {"name": keys["metadata"]["name"], "key": "keys.pem"}
    assert keys["data"] == {"keys.pem": signer.public_key}
    assert secret["stringData"]["AWS_ENDPOINT_URL"] == f"http://{service['metadata']['name']}.{NAMESPACE}.svc"
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == LOCAL[BUCKET_IMAGE]
    assert [port["containerPort"] for port in container["ports"]] == [PORT]
    asked = {each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"]}
    assert asked <= set(secret["stringData"])


def test_no_two_quickstarts_have_the_same_key() -> None:
    first, second = Bucket.with_a_new_key(NAMESPACE), Bucket.with_a_new_key(NAMESPACE)
    assert first.secret_key != second.secret_key


@pytest.mark.parametrize("file", ["bucket.yaml", "traffic.yaml"])
def test_every_image_of_the_example_can_be_exchanged(file: str) -> None:
    for found in yaml.safe_load_all((ROOT / FOLDER / file).read_text()):
        for container in found["spec"].get("template", {}).get("spec", {}).get("containers", []):
            assert container["image"] in LOCAL
