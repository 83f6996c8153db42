"""Models of an MLflow tracking server, from a small stand-in of its REST interface."""

import pytest
from tests.support.certificates import tls_of_this_machine
from tests.support.models import doubling
from tests.support.pages import pages

from serin_server.cli import main

API = "/api/2.0/mlflow"
LIST = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def tracking(tmp_path):
    """A server with the model `credit`, whose alias `champion` is version 3, as a logged ONNX model is laid out."""
    model = doubling(tmp_path / "m.onnx").read_bytes()
    with pages() as there:
        there.host = f"127.0.0.1:{there.port}"
        there.found |= {
            f"{API}/registered-models/alias?name=credit&alias=champion": {
                "model_version": {"name": "credit", "version": "3"}
            },
            f"{API}/model-versions/get-download-uri?name=credit&version=3": {
                "artifact_uri": "mlflow-artifacts:/1/models/m-7/artifacts"
            },
            f"{LIST}?path=1%2Fmodels%2Fm-7%2Fartifacts": {
                "files": [
                    {"path": "MLmodel", "is_dir": False, "file_size": 3},
                    {"path": "model.onnx", "is_dir": False},
                    {"path": "more", "is_dir": True},
                ]
            },
            f"{LIST}?path=1%2Fmodels%2Fm-7%2Fartifacts%2Fmore": {"files": [{"path": "golden.jsonl", "is_dir": False}]},
            f"{LIST}/1/models/m-7/artifacts/MLmodel": b"x: y",
            f"{LIST}/1/models/m-7/artifacts/model.onnx": model,
            f"{LIST}/1/models/m-7/artifacts/more/golden.jsonl": b"\n",
        }
        yield there


def test_a_version_is_read_with_everything_that_was_logged(tracking, fetched):
    found = fetched(f"mlflow+http://{tracking.host}/credit/3")
    names = sorted(str(file.relative_to(found.path)) for file in found.path.rglob("*") if file.is_file())
    assert names == ["MLmodel", "model.onnx", "more/golden.jsonl"]
    assert found.resolved_uri == ""


def test_an_alias_is_resolved_to_its_version_once(tracking, fetched):
    by_alias = fetched(f"mlflow+http://{tracking.host}/credit@champion")
    assert by_alias.resolved_uri == f"mlflow+http://{tracking.host}/credit/3"
    assert by_alias.sha256 == fetched(by_alias.resolved_uri).sha256


@pytest.mark.parametrize(
    ("variables", "sent"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "token-of-mlflow"}, "Bearer token-of-mlflow"),
        ({"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "password"}, "Basic YW5uOnBhc3N3b3Jk"),
    ],
    ids=["a token", "name and password"],
)
def test_credentials_are_sent_and_asked_for(tracking, fetched, secret, variables, sent):
    tracking.token = sent
    uri = f"mlflow+http://{tracking.host}/credit/3"
    failure = fetched(uri)
    assert failure.reason == "SourceForbidden"
    assert "spec.model.credentials" in failure.message
    assert fetched(uri, secret(**variables)).path.is_dir()


def test_artifacts_that_only_the_server_can_reach_are_refused_with_the_way_out(tracking, fetched):
    tracking.found[f"{API}/model-versions/get-download-uri?name=credit&version=3"] = {
        "artifact_uri": "/mlruns/1/artifacts"
    }
    failure = fetched(f"mlflow+http://{tracking.host}/credit/3")
    assert failure.reason == "SourceUnsupported"
    assert "--serve-artifacts" in failure.message


@pytest.mark.parametrize("path", ["credit@nobody", "credit/9", "other/1"])
def test_what_the_registry_does_not_have_is_not_found(tracking, fetched, path):
    assert fetched(f"mlflow+http://{tracking.host}/{path}").reason == "SourceNotFound"


def test_a_file_that_leads_out_of_the_model_is_refused(tracking, fetched):
    tracking.found[f"{LIST}?path=1%2Fmodels%2Fm-7%2Fartifacts"] = {"files": [{"path": "..", "is_dir": False}]}
    failure = fetched(f"mlflow+http://{tracking.host}/credit/3")
    assert failure.reason == "ModelInvalid"


def test_where_an_alias_has_moved_to_is_written_into_the_file(tracking, fetched, tmp_path, capsys):
    before, after = (f"mlflow+http://{tracking.host}/credit/{number}" for number in (2, 3))
    file = tmp_path / "credit.yaml"
    file.write_text(
        f"kind: ModelDeployment\nmetadata: {{name: credit}}\nspec:\n  model:\n    version: v2 # two\n    uri: {before}\n"
    )
    given = ["bump", "--model", f"mlflow+http://{tracking.host}/credit@champion", "--bump-version", "v{}"]
    given += ["--bump-file", str(file), "--cache-dir", str(tmp_path / "bumps")]
    assert main(given) == 0
    digest = fetched(after).sha256
    assert file.read_text().endswith(f"    version: v3 # two\n    uri: {after}\n    sha256: {digest}\n")
    asked = len(tracking.asked)
    assert main(given) == 0
    assert not [path for path, _ in tracking.asked[asked:] if path.startswith(f"{LIST}/")], "nothing is fetched"
    assert "credit: nothing new" in capsys.readouterr().out


def test_a_server_whose_authority_is_ones_own_is_looked_at_when_it_is_given_and_only_then(tracking, tmp_path, capsys):
    context, authority = tls_of_this_machine(tmp_path)
    with pages(context) as by_tls:
        by_tls.found |= tracking.found
        place = f"mlflow://127.0.0.1:{by_tls.port}/credit"
        file = tmp_path / "credit.yaml"
        text = f"kind: ModelDeployment\nmetadata: {{name: credit}}\nspec:\n  model:\n    version: '2'\n    uri: {place}/2\n"
        file.write_text(text)
        given = ["bump", "--model", f"{place}@champion", "--bump-file", str(file), "--cache-dir", str(tmp_path / "c")]
        assert main([*given, "--source-timeout-seconds", "5"]) != 0
        assert file.read_text() == text
        assert "give its CA (caConfigMap)" in capsys.readouterr().err
        assert main([*given, "--source-ca-file", str(authority)]) == 0
        assert f"uri: {place}/3\n" in file.read_text()
