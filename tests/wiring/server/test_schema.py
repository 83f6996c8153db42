"""The published description of the HTTP API against a server: schemathesis says what of one is not true of the other.

`SERIN_SCHEMA_EXAMPLES=1000 SERIN_SCHEMA_SEED=7 pytest tests/wiring/server/test_schema.py` looks longer and elsewhere.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import TensorProto
from tests.support import description
from tests.support.models import several_identities
from tests.support.serving import serving

EXAMPLES = int(os.environ.get("SERIN_SCHEMA_EXAMPLES", "3"))
SEED = os.environ.get("SERIN_SCHEMA_SEED", "1")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 + 10 * EXAMPLES)]
ELEMENTS = {
    "FP32": TensorProto.FLOAT,
    "INT64": TensorProto.INT64,
    "BYTES": TensorProto.STRING,
    "BOOL": TensorProto.BOOL,
}
KEY = "0123456789abcdef"
# The published description names no tensors: what follows it may yet not fit the model.
UNFIT = "--exclude-checks=positive_data_acceptance"
# The second test looks at every address; the others at those where they differ from it.
POSTS = ("--include-method=POST", "--exclude-path-regex=/versions/")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schema")
    with serving(several_identities(folder / "m.onnx", ELEMENTS), folder, model_version="blue") as running:
        yield running


@pytest.fixture(scope="module")
def model(server):
    return server.get("/v2/models/m")[1]


def complaints(server, told: dict, folder: Path, *options: str) -> str:
    """What schemathesis finds between a description and a server; nothing if they agree."""
    (folder / "openapi.json").write_text(json.dumps(told))
    run = subprocess.run(
        [Path(sys.executable).with_name("st"), "run", "openapi.json", f"--url={server.url('')}", "--checks=all",
         "--warnings=off", "--continue-on-failure", f"--max-examples={EXAMPLES}", f"--seed={SEED}", *options],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    log = server.log.read_text()
    return f"{run.stdout}\n{run.stderr}\n{log}" if run.returncode or "Traceback" in log else ""


def test_whatever_is_asked_the_server_answers_as_it_is_described(server, model, tmp_path):
    assert not complaints(server, description.named(model), tmp_path, UNFIT, *POSTS)
    assert server.metric("serin_requests_in_flight") == 0


def test_what_is_described_for_a_model_it_takes_and_nothing_else(server, model, tmp_path):
    assert not complaints(server, description.exact(model), tmp_path)
    assert server.metric("serin_requests_total", code="200") > 0


def test_without_a_key_nobody_gets_in_where_one_is_asked_for(model, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"me:{KEY}")
    with serving(
        several_identities(tmp_path / "m.onnx", ELEMENTS), tmp_path, model_version="blue", api_keys_file=keys
    ) as asking:
        told = description.with_keys(description.exact(model))
        assert not complaints(
            asking, told, tmp_path, "--phases=coverage", f"--header=Authorization: Bearer {KEY}", *POSTS
        )
