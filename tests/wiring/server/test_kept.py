"""A Job and servers with one store between them: replacements come up whatever has become of the source."""

import hashlib
from pathlib import Path

import pytest
from tests.support.models import doubling
from tests.support.ports import free_port
from tests.support.serving import Serving, serving, tensor
from tests.support.sources import answering, ok

from serin_server.commands.resolve import resolve
from serin_server.config.settings import settings_from

SHOWN = "/v2/models/m"


def answers(server: Serving, digest: str) -> None:
    """It serves the model of this digest."""
    assert server.get(SHOWN)[1]["properties"]["sha256"] == digest
    assert server.infer(tensor("x", "FP32", [1, 3], [1, 2, 3]))[1]["outputs"][0]["data"] == [2, 4, 6]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "mnt" / "kept").mkdir(parents=True)
    return {"store": "pvc://kept/models", "mounts_dir": str(tmp_path / "mnt"), "store_timeout_seconds": "2"}


def resolved(uri: str, folder: Path, store: dict[str, str]) -> int:
    """Runs the Job."""
    folder.mkdir()
    log = str(folder / "termination")
    return resolve(settings_from({}, {"model_uri": uri, "cache_dir": str(folder), "termination_log": log, **store}))


def test_a_replacement_comes_up_when_the_source_is_gone_or_has_changed(tmp_path: Path, store: dict[str, str]) -> None:
    model, other = (doubling(tmp_path / f"{factor}.onnx", factor).read_bytes() for factor in (2.0, 3.0))
    digest = hashlib.sha256(model).hexdigest()
    with answering(ok(model, f"Content-Length: {len(model)}")) as port:
        uri = f"http://127.0.0.1:{port}/m.onnx"
        assert resolved(uri, tmp_path / "job", store) == 0
    with answering(ok(other, f"Content-Length: {len(other)}")) as port:
        for number, source in enumerate((uri, f"http://127.0.0.1:{port}/m.onnx")):
            cache = tmp_path / f"pod-{number}"
            with serving(source, tmp_path, model_sha256=digest, cache_dir=cache, **store) as server:
                answers(server, digest)


def test_a_server_that_finds_neither_waits_until_one_of_them_has_the_model(
    tmp_path: Path, store: dict[str, str]
) -> None:
    file = doubling(tmp_path / "m.onnx")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    gone = f"http://127.0.0.1:{free_port()}/m.onnx"
    with serving(gone, tmp_path, ready=False, model_sha256=digest, cache_dir=tmp_path / "pod", **store) as server:
        server.port("http")
        assert resolved(str(file), tmp_path / "job", store) == 0
        server.wait_ready()
        answers(server, digest)
        assert "from the store: the store pvc://kept/models has no model of sha256" in server.log.read_text()


def test_a_server_with_a_store_that_lies_serves_what_its_source_has(tmp_path: Path, store: dict[str, str]) -> None:
    file = doubling(tmp_path / "m.onnx")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert resolved(str(file), tmp_path / "job", store) == 0
    doubling(tmp_path / "mnt/kept/models/sha256" / digest / "files/model.onnx", 7.0)
    with (
        answering(ok(file.read_bytes())) as port,
        serving(f"http://127.0.0.1:{port}/m.onnx", tmp_path, model_sha256=digest, **store) as server,
    ):
        answers(server, digest)
        assert "reading the source instead" in server.log.read_text()
