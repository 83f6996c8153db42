"""Models of the Hugging Face Hub, from a small stand-in of its REST interface."""

import hashlib

import onnx
import pytest
from tests.support.models import doubling
from tests.support.pages import pages

COMMIT = "a" * 40
REPO = "acme/credit"
SECRET = "hf_secret_token"


@pytest.fixture
def hub(tmp_path):
    """A repository with a model in a folder, its baseline beside it, and a branch."""
    model = doubling(tmp_path / "m.onnx").read_bytes()
    with pages() as there:
        there.model = model
        lfs = {"oid": hashlib.sha256(model).hexdigest(), "size": len(model)}
        there.entries = [
            {"type": "file", "path": "onnx/model.onnx", "lfs": lfs},
            {"type": "file", "path": "onnx/baseline.json"},
        ]
        there.found |= {
            f"/api/models/{REPO}/revision/main": {"sha": COMMIT},
            f"/api/models/{REPO}/tree/{COMMIT}": [
                {"type": "directory", "path": "onnx"},
                {"type": "file", "path": "README.md"},
            ],
            f"/api/models/{REPO}/tree/{COMMIT}/onnx": there.entries,
            f"/api/models/{REPO}/tree/{COMMIT}/onnx?recursive=true": there.entries,
            f"/{REPO}/resolve/{COMMIT}/onnx/model.onnx": model,
            f"/{REPO}/resolve/{COMMIT}/onnx/baseline.json": b"{}",
        }
        yield there


def test_a_file_is_read_at_the_commit_that_its_branch_points_at_now(hub, fetched, secret):
    found = fetched(f"hf://{REPO}/onnx/model.onnx", secret(HF_ENDPOINT=hub.address))
    assert found.sha256 == hashlib.sha256(hub.model).hexdigest()
    assert found.resolved_uri == f"hf://{REPO}@{COMMIT}/onnx/model.onnx"


def test_a_folder_is_read_with_everything_in_it(hub, fetched, secret):
    found = fetched(f"hf://{REPO}@{COMMIT}/onnx", secret(HF_ENDPOINT=hub.address))
    assert sorted(file.name for file in found.path.iterdir()) == ["baseline.json", "model.onnx"]
    assert found.resolved_uri == ""


def test_the_digest_is_made_while_the_bytes_come_and_they_are_not_read_again(hub, fetched, secret, monkeypatch):
    monkeypatch.setattr("serin_server.model.digest.file_digest", lambda path: pytest.fail(f"{path} was read again"))
    found = fetched(f"hf://{REPO}@main/onnx/model.onnx", secret(HF_ENDPOINT=hub.address))
    assert found.sha256 == hashlib.sha256(hub.model).hexdigest()


@pytest.mark.parametrize("path", ["onnx/model.onnx", "onnx"], ids=["a file", "a folder"])
def test_what_was_damaged_in_the_cache_is_replaced_by_what_was_fetched(hub, fetched, secret, path):
    credentials = secret(HF_ENDPOINT=hub.address)
    found = fetched(f"hf://{REPO}@main/{path}", credentials)
    file = found.path if found.path.is_file() else found.path / "model.onnx"
    file.write_bytes(b"evil")
    again = fetched(f"hf://{REPO}@main/{path}", credentials, found.sha256)
    assert (again.path, again.sha256) == (found.path, found.sha256)
    assert file.read_bytes() == hub.model


def test_a_listing_of_several_pages_is_read_to_its_end(hub, fetched, secret):
    first, second = f"/api/models/{REPO}/tree/{COMMIT}/onnx", "/next?cursor=2"
    hub.found[f"{first}?recursive=true"] = (200, {"Link": f'<{second}>; rel="next"'}, hub.entries[:1])
    hub.found[second] = hub.entries[1:]
    found = fetched(f"hf://{REPO}@{COMMIT}/onnx/", secret(HF_ENDPOINT=hub.address))
    assert len(list(found.path.iterdir())) == 2


def test_weights_beside_a_file_are_fetched_with_it(hub, fetched, secret, tmp_path):
    model = onnx.load_from_string(hub.model)
    weight = onnx.numpy_helper.from_array(__import__("numpy").ones(400, "float32"), "w")
    model.graph.initializer.append(weight)
    onnx.save_model(
        model, tmp_path / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=0
    )
    hub.entries[0].pop("lfs")
    hub.found[f"/{REPO}/resolve/{COMMIT}/onnx/model.onnx"] = (tmp_path / "model.onnx").read_bytes()
    hub.found[f"/{REPO}/resolve/{COMMIT}/onnx/model.onnx_data"] = (tmp_path / "model.onnx_data").read_bytes()
    credentials = secret(HF_ENDPOINT=hub.address)
    found = fetched(f"hf://{REPO}@{COMMIT}/onnx/model.onnx", credentials)
    assert sorted(file.name for file in found.path.parent.iterdir()) == ["model.onnx", "model.onnx_data"]
    asked = len(hub.asked)
    assert fetched(f"hf://{REPO}@{COMMIT}/onnx/model.onnx", credentials, found.sha256).path == found.path
    assert len(hub.asked) == asked, "the cache was not used"


def test_a_token_is_sent_and_never_told(hub, fetched, secret, capsys):
    hub.token = f"Bearer {SECRET}"
    uri = f"hf://{REPO}/onnx/model.onnx"
    assert fetched(uri, secret(HF_ENDPOINT=hub.address, HF_TOKEN=SECRET)).path
    failure = fetched(uri, secret(HF_ENDPOINT=hub.address, HF_TOKEN="another"))
    assert failure.reason == "SourceForbidden"
    assert "spec.model.credentials" in failure.message
    assert "another" not in failure.message + capsys.readouterr().err


def test_a_file_that_has_not_the_digest_that_the_hub_promises_is_refused(hub, fetched, secret):
    hub.found[f"/{REPO}/resolve/{COMMIT}/onnx/model.onnx"] = b"other bytes"
    failure = fetched(f"hf://{REPO}/onnx/model.onnx", secret(HF_ENDPOINT=hub.address))
    assert failure.reason == "DigestMismatch"


@pytest.mark.parametrize(
    ("uri", "reason", "words"),
    [
        (f"hf://{REPO}@nobranch/onnx/model.onnx", "SourceNotFound", "answered 404"),
        (f"hf://{REPO}/onnx/none.onnx", "SourceNotFound", "there is no onnx/none.onnx at revision main"),
        ("hf://nobody", "SourceUnsupported", "hf://org/repository@revision/path"),
    ],
)
def test_what_is_not_there_is_said_to_be_missing(hub, fetched, secret, uri, reason, words):
    failure = fetched(uri, secret(HF_ENDPOINT=hub.address))
    assert failure.reason == reason
    assert words in failure.message


def test_a_listing_that_goes_on_at_another_host_is_not_followed(hub, fetched, secret):
    hub.token = f"Bearer {SECRET}"
    hub.found[f"/api/models/{REPO}/tree/{COMMIT}/onnx?recursive=true"] = (
        200, {"Link": '<http://127.0.0.1:1/steal>; rel="next"'}, [],
    )  # fmt: skip
    failure = fetched(f"hf://{REPO}@{COMMIT}/onnx/", secret(HF_ENDPOINT=hub.address, HF_TOKEN=SECRET))
    assert failure.reason == "SourceForbidden"
