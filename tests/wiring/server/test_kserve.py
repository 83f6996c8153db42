"""The kserve client works unchanged. Its pins do not fit this workspace, so it runs in an environment of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.models import doubling
from tests.support.serving import serving

pytestmark = pytest.mark.slow
CLIENT = Path(__file__).with_name("kserve_client.py")


def uv() -> str:
    cache = Path(os.environ.get("SERIN_CACHE", Path.home() / ".cache" / "serin"))
    return shutil.which("uv") or str(next(cache.glob("uv-*/bin/uv")))


def test_the_kserve_client_by_json_binary_and_grpc(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path) as running:
        done = subprocess.run(
            [uv(), "run", "--quiet", "--isolated", "--no-project", "--with", "kserve==0.21.0", "python", str(CLIENT),
             str(running.port("http")), str(running.port("grpc"))],
            capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    doubled = [[2.0, 4.0, 7.0]]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "live": True, "ready": True, "json": doubled, "binary": doubled, "grpc": doubled, "grpc live": True
    }  # fmt: skip
