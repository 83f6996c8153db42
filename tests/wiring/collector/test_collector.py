"""A collector as its users meet it: who may send, what it says of itself, and what becomes of a store that is away."""

import re
import socket
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.support.collecting import Collecting
from tests.support.models import doubling
from tests.support.predictions import batch, prediction
from tests.support.serving import serving, tensor, wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
MODULES = {
    "grpcio": "grpc",
    "grpcio-health-checking": "grpc_health",
    "grpcio-reflection": "grpc_reflection",
    "pyjwt": "jwt",
    "pysimdjson": "simdjson",
}


def bare(requirement):
    return re.split("[=<>]", requirement)[0]


@pytest.fixture
def collector(tmp_path):
    (tmp_path / "keys").write_text("new:0123456789abcdef\nold:fedcba9876543210\n")
    made = Collecting(
        tmp_path,
        f"file://{tmp_path}/store",
        key_file=tmp_path / "keys",
        write_seconds=0.1,
        max_batch_bytes=100_000,
        max_spool_bytes=250_000,
    )
    with made:
        yield made


def files(folder, table):
    return list((folder / "store" / table).rglob("*.parquet"))


def test_only_who_has_a_key_may_send_and_only_whole_batches_of_a_size_are_taken(collector):
    good = batch(prediction())
    assert collector.post(good)[0] == 401
    assert collector.post(good, "wrong-key-0123456")[0] == 401
    assert collector.post(good, "fedcba9876543210") == (200, {"acknowledged": 1})
    assert collector.post(b"nonsense", "0123456789abcdef")[0] == 400
    assert collector.post(b"x" * 200_000, "0123456789abcdef")[0] == 413
    assert collector.post(good, "0123456789abcdef", "/elsewhere")[0] == 404
    told = {
        name: collector.metric(f'serin_collector_batches_total{{outcome="{name}"}}')
        for name in ("acknowledged", "unauthorized", "malformed", "too_large")
    }
    assert told == {"acknowledged": 1, "unauthorized": 2, "malformed": 1, "too_large": 1}
    wait_for(lambda: collector.metric("serin_collector_objects_total") == 1)


def test_a_store_that_is_away_fills_the_spool_and_then_senders_are_told_to_wait(tmp_path):
    (tmp_path / "store").write_text("a file where the folder should be")
    collector = Collecting(
        tmp_path, f"file://{tmp_path}/store", write_seconds=0.05, max_batch_bytes=50_000, max_spool_bytes=100_000
    )
    with collector:
        statuses = [collector.post(batch(*map(prediction, range(50))))[0] for _ in range(20)]
        assert statuses[0] == 200
        assert statuses[-1] == 503
        wait_for(lambda: collector.metric("serin_collector_store_failures_total") > 0)
        (tmp_path / "store").unlink()
        wait_for(lambda: collector.metric("serin_collector_spool_bytes") == 0)
        assert sum(pq.read_metadata(path).num_rows for path in files(tmp_path, "predictions")) == 50 * statuses.count(
            200
        )
        assert collector.post(batch(prediction()))[0] == 200


def test_what_a_server_answers_and_hears_of_it_later_is_joined_in_the_store(tmp_path):
    (tmp_path / "keys").write_text("k:0123456789abcdef\n")
    collector = Collecting(tmp_path, f"file://{tmp_path}/store", key_file=tmp_path / "keys")
    with collector:
        settings = {
            "SERIN_PREDICTION_LOG": collector.address,
            "SERIN_PREDICTION_LOG_SAMPLE": "1",
            "SERIN_PREDICTION_LOG_KEY_FILE": str(tmp_path / "keys"),
            "SERIN_FEEDBACK_KEY_FILE": str(tmp_path / "keys"),
        }
        with serving(doubling(tmp_path / "m.onnx"), tmp_path, env=settings) as server:
            answers = [
                server.infer(tensor("x", "FP32", [1, 3], [each, 1, 2]), id=f"request-{each}")[1] for each in range(3)
            ]
            tokens = [answer["parameters"]["feedback_token"] for answer in answers]
            for told in (0, 2):  # the second corrects the first
                server.post(f"/v2/models/{server.name}/feedback", {"token": tokens[1], "label": told})
            wait_for(lambda: server.metric("serin_prediction_log_records_total", outcome="acknowledged") == 5)
        assert collector.stop() in (0, -15)
    (file,) = files(tmp_path, "predictions")
    rows = {row["request_id"]: row for row in pq.ParquetFile(file).read().to_pylist()}
    assert (rows["request-1"]["input_x"], rows["request-1"]["output_y"]) == ([1.0, 1.0, 2.0], [2.0, 2.0, 4.0])
    assert (rows["request-1"]["prediction"], rows["request-1"]["serin_version"]) == ("2", "1")
    (file,) = files(tmp_path, "labels")
    labels = sorted(pq.ParquetFile(file).read().to_pylist(), key=lambda row: row["labelled_at"])
    assert [(row["prediction_id"], row["row"], row["label_number"]) for row in labels] == [
        (rows["request-1"]["prediction_id"], 0, told) for told in (0, 2)
    ]
    assert labels[0]["predicted_at"] == rows["request-1"]["predicted_at"]


NO_IPV6 = """
import errno, os, socket

class WithoutIPv6(socket.socket):
    def __init__(self, family=-1, *rest, **more):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        super().__init__(family, *rest, **more)

socket.socket = WithoutIPv6
"""


@pytest.mark.parametrize("module", ["", NO_IPV6], ids=["with IPv6", "without IPv6"])
def test_it_listens_on_all_addresses_that_the_machine_has(tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(module)
    with Collecting(tmp_path, f"file://{tmp_path}/store", {"PYTHONPATH": str(tmp_path)}, host="") as collector:
        assert collector.post(batch(prediction()))[0] == 200


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        flags = ["--store", f"file://{tmp_path}/store", "--spool", f"{tmp_path}/spool", "--host", "127.0.0.1"]
        command = [sys.executable, "-m", "serin_server.collector.cli", *flags, "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "SERIN_COLLECTOR_PORT" in done.stderr) == (1, True)


def test_connections_that_say_nothing_keep_nobody_from_asking_how_it_is(tmp_path):
    with Collecting(tmp_path, f"file://{tmp_path}/store") as collector, ExitStack() as idle:
        for _ in range(1100):
            idle.enter_context(socket.create_connection(("127.0.0.1", collector.port)))
        assert collector.get("/healthz")[0] == 200
        assert collector.post(batch(prediction()))[0] == 200


def test_a_setting_that_cannot_be_used_is_named_and_ends_the_program():
    done = subprocess.run(
        [sys.executable, "-m", "serin_server.collector.cli", "--store", "ftp://x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "SERIN_COLLECTOR_STORE" in done.stderr


def test_a_server_loads_nothing_of_the_collectors():
    code = "import sys, serin_server.process.serve; sys.exit(bool({'pyarrow', 'uvicorn', 'prometheus_client'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_collector_runs_on_its_own_packages_alone():
    """Those of its group of dependencies are what its image has."""
    project = tomllib.loads((ROOT / "serving-image/pyproject.toml").read_text())
    own = set(map(bare, project["dependency-groups"]["collector"]))
    missing = {MODULES.get(name, name) for name in set(map(bare, project["project"]["dependencies"])) - own}
    modules = [path.stem for path in (ROOT / "serving-image/src/serin_server/collector").glob("[a-z]*.py")]
    code = f"import sys; sys.modules.update(dict.fromkeys({sorted(missing)}))\n"
    code += "".join(f"import serin_server.collector.{module}\n" for module in modules)
    code += "from serin_server.model.shelf import bucket, folder\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"numpy", "onnxruntime"} <= missing
