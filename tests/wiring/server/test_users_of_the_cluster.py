"""The server as a user that no image knows, in group 0: as OpenShift's restricted-v2 runs every pod of a namespace."""

import os
import shutil
from pathlib import Path

import pytest
from tests.support.models import identity
from tests.support.serving import serving, tensor
from tests.support.sources import answering, ok

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root becomes somebody else"),
]

A_USER_OF_OPENSHIFT = 1000670000
# Python itself may lie where only its owner looks; what is written, and by whom, is not touched by the right to read.
AS_SOMEBODY = (
    *("setpriv", f"--reuid={A_USER_OF_OPENSHIFT}", "--regid=0", "--clear-groups", "--no-new-privs"),
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search"),
)


def empty_dir(path: Path) -> Path:
    """A folder as the kubelet makes it."""
    path.mkdir()
    path.chmod(0o777)
    return path


def test_it_fetches_serves_and_writes_only_into_its_folders(tmp_path: Path) -> None:
    model = identity(tmp_path / "m.onnx")
    cache, scratch = empty_dir(tmp_path / "cache"), empty_dir(tmp_path / "tmp")
    told = tmp_path / "termination"
    told.touch()
    told.chmod(0o666)
    before = set(tmp_path.iterdir())
    env = {"HOME": "/", "TMPDIR": str(scratch)}
    folders = {"cache_dir": cache, "termination_log": told}
    with (
        answering(ok(model.read_bytes())) as port,
        serving(f"http://127.0.0.1:{port}/m.onnx", tmp_path, env=env, before=AS_SOMEBODY, **folders) as running,
    ):
        assert running.infer(tensor("x", "FP32", [1, 3], [1.0, 2.0, 3.0]))[0] == 200
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        assert f"Uid:\t{A_USER_OF_OPENSHIFT}" in status
        assert "Gid:\t0" in status
        written = [path for path in cache.rglob("*") if path.is_file()]
        assert {path.stat().st_uid for path in written} == {A_USER_OF_OPENSHIFT}
    assert {path for path in tmp_path.iterdir() if not path.name.startswith("server-")} == before
