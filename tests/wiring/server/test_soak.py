"""A long run under everything that clients do leaves memory flat.

`SERIN_SOAK_SECONDS=3600` makes it an hour, `SERIN_SOAK_PAUSE=0.05` lets each client rest so long between its rounds; -s shows the course.
"""

import gzip
import http.client
import json
import os
import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from statistics import mean

import numpy as np
import pytest
from tests.support.models import doubling
from tests.support.serving import serving, tensor, wait_for

pytestmark = pytest.mark.slow
SECONDS = float(os.environ.get("SERIN_SOAK_SECONDS", "4"))
PAUSE = float(os.environ.get("SERIN_SOAK_PAUSE", "0"))
PARTS = 12
FLAT_BYTES = 10 << 20
"""How much more the last quarter may hold than the second to fourth twelfth; the memory of labels that were heard takes 13 MB when it is full."""
INFER, FEEDBACK, EXPLAIN = (f"/v2/models/m/{verb}" for verb in ("infer", "feedback", "explain"))
ROW = {"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]}
MALFORMED = (
    b"{",
    b"\xff\xfe",
    json.dumps({"inputs": []}).encode(),
    json.dumps({"inputs": [tensor("x", "FP32", [1, 4], [1, 2, 3, 4])]}).encode(),
    json.dumps({"inputs": [tensor("nobody", "FP32", [1, 3], [1, 2, 3])]}).encode(),
    b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [' + b"1," * 50_000 + b"1]}]}",
)


class Work:
    """What the clients have seen, and when they are to stop."""

    def __init__(self, running):
        self.port, self.grpc_port = running.port("http"), running.port("grpc")
        self.running = running
        self.is_over = threading.Event()
        self.seen = Counter()

    def ask(self, connection, body, path=INFER, **headers):
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.getheader("connection") == "close":
            connection.close()
        self.seen[answer.status] += 1
        return content

    def goes_on(self):
        """Whether there is to be another round, after a rest."""
        return not self.is_over.wait(PAUSE) if PAUSE else not self.is_over.is_set()

    @contextmanager
    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            yield connection
        finally:
            connection.close()


def predicts_and_labels(work):
    """Keeps its connection; every third prediction is judged, twice: an hour of it fills the memory of labels."""
    with work.connection() as connection:
        while work.goes_on():
            for _ in range(3):
                told = json.loads(work.ask(connection, json.dumps(ROW)))
            label = json.dumps({"token": told["parameters"]["feedback_token"], "label": 2})
            accepted = [json.loads(work.ask(connection, label, FEEDBACK))["accepted"] for _ in range(2)]
            assert accepted == [1, 0]


def sends_binary(work):
    """Batches of changing size in binary."""
    rng = np.random.default_rng(0)
    with work.connection() as connection:
        while work.goes_on():
            rows = int(rng.integers(1, 64))
            data = rng.random((rows, 3), dtype=np.float32).tobytes()
            described = {
                "name": "x",
                "datatype": "FP32",
                "shape": [rows, 3],
                "parameters": {"binary_data_size": len(data)},
            }
            head = json.dumps({"inputs": [described]}).encode()
            work.ask(connection, head + data, **{"Inference-Header-Content-Length": str(len(head))})


def sends_nonsense(work):
    """Requests that cannot be answered, and connections that are left in the middle of one."""
    with work.connection() as connection:
        while work.goes_on():
            for body in MALFORMED:
                work.ask(connection, body)
            with socket.create_connection(("127.0.0.1", work.port)) as raw, suppress(OSError):
                raw.sendall(b"POST /v2/models/m/infer HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{")
            with socket.create_connection(("127.0.0.1", work.port)) as raw, suppress(OSError):
                raw.sendall(b"\x00\x01garbage\r\n\r\n")
                raw.recv(1000)


def explains(work):
    """Asks why, now packed and now plainly; also of a row that does not fit."""
    asked = json.dumps({**ROW, "parameters": {"output": "y"}}).encode()
    with work.connection() as connection:
        while work.goes_on():
            told = json.loads(work.ask(connection, gzip.compress(asked), EXPLAIN, **{"Content-Encoding": "gzip"}))
            assert told["outputs"], told
            work.ask(connection, asked.replace(b"[1, 3]", b"[3, 1]"), EXPLAIN)
            work.seen["explain"] += 1


def speaks_grpc(work):
    """The same over gRPC, on new channels now and then, each with a call that is refused."""
    from tritonclient import grpc
    from tritonclient.utils import InferenceServerException

    data = np.array([[1, 2, 3]], np.float32)
    given = [grpc.InferInput("x", data.shape, "FP32").set_data_from_numpy(data)]
    wrong = [grpc.InferInput("x", [1, 3], "INT64").set_data_from_numpy(data.astype(np.int64))]
    while work.goes_on():
        client = grpc.InferenceServerClient(f"127.0.0.1:{work.grpc_port}")
        for _ in range(100):
            client.infer("m", given)
        with suppress(InferenceServerException):
            client.infer("m", wrong)
        work.seen["grpc"] += 100
        client.close()


def scrapes(work):
    """Reads the metrics as Prometheus does."""
    while not work.is_over.wait(1):
        assert work.running.metric("serin_requests_in_flight") >= 0


WORKERS = (predicts_and_labels, predicts_and_labels, sends_binary, sends_nonsense, explains, speaks_grpc, scrapes)


@pytest.mark.timeout(SECONDS + 300)
def test_memory_stays_flat_over_a_long_run(tmp_path):
    from serin_server import baseline

    folder = tmp_path / "model"
    folder.mkdir()
    doubling(folder / "model.onnx")
    baseline.write(folder / "baseline.json", baseline.of({"x": np.random.default_rng(0).random((500, 3))}))
    (folder / "background.jsonl").write_text(json.dumps(ROW) + "\n")
    (tmp_path / "key").write_text("k1:0123456789abcdef0123\n")
    told = {"feedback_key_file": tmp_path / "key", "access_log_sample": 0.001, "explain": "on", "explain_seconds": 60}
    with serving(folder, tmp_path, **told) as running:
        work, failed = Work(running), []

        def guarded(worker):
            try:
                worker(work)
            except Exception as error:  # noqa: BLE001 (told below)
                failed.append(f"{worker.__name__}: {error!r}")

        threads = [threading.Thread(target=guarded, args=(worker,)) for worker in WORKERS]
        for thread in threads:
            thread.start()
        try:
            wait_for(
                lambda: failed or (work.seen[200] > 500 and all(work.seen[each] for each in ("grpc", "explain", 400))),
                60,
            )
            course = []
            print(f"start: {running.resident_bytes() / 2**20:.1f} MB, {dict(work.seen)}", flush=True)
            for part in range(PARTS):
                sizes, until = [], time.monotonic() + SECONDS / PARTS
                while not failed and time.monotonic() < until:
                    sizes.append(running.resident_bytes())
                    work.is_over.wait(min(0.05, SECONDS / 100))
                course.append(mean(sizes or [0]))
                print(f"{part + 1}/{PARTS}: {course[-1] / 2**20:.1f} MB, {dict(work.seen)}", flush=True)
        finally:
            work.is_over.set()
            for thread in threads:
                thread.join()
        assert failed == []
        assert not {code for code in work.seen if isinstance(code, int) and code >= 500}, work.seen
        assert mean(course[9:]) - mean(course[1:4]) < FLAT_BYTES, course
        assert wait_for(lambda: running.metric("serin_requests_in_flight") == 0)
        assert running.process.poll() is None
