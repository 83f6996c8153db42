"""Rolling restarts lose no request, and a long run leaves memory flat."""

import http.client
import json
import os
import threading
import time
from pathlib import Path

import pytest
from tests.support.models import doubling
from tests.support.serving import serving, tensor

pytestmark = pytest.mark.slow
BODY = json.dumps({"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]})
SOAK_SECONDS = float(os.environ.get("SERIN_SOAK_SECONDS", "4"))


class Clients:
    """Clients that keep their connections, and connect anew to whichever server is in the endpoints."""

    def __init__(self, count):
        self.endpoints: list[int] = []
        self.lost: list[str] = []
        self.answered = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number):
        connection = None
        while not self._stop.is_set():
            if connection is None:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self.endpoints[number % len(self.endpoints)], timeout=30
                )
            try:
                connection.request("POST", "/v2/models/m/infer", BODY)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.lost.append(f"status {answer.status}")
                self.answered += 1
                if answer.getheader("connection") == "close":
                    connection.close()
                    connection = None
            except OSError as error:
                self.lost.append(repr(error))
                connection = None
            except http.client.HTTPException as error:
                self.lost.append(repr(error))
                connection = None


def until_answered(clients, more):
    goal = clients.answered + more
    deadline = time.monotonic() + 60
    while clients.answered < goal and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_rolling_restart_under_load_loses_no_request(tmp_path):
    model = doubling(tmp_path / "m.onnx")
    with serving(model, tmp_path, drain_seconds=2) as first:
        clients = Clients(8)
        clients.endpoints = [first.port("http")]
        with clients:
            until_answered(clients, 500)
            with serving(model, tmp_path, drain_seconds=2) as second:
                clients.endpoints = [first.port("http"), second.port("http")]
                until_answered(clients, 500)
                first.process.terminate()
                until_answered(clients, 200)  # endpoints catch up late: new connections still come to the first
                clients.endpoints = [second.port("http")]
                assert first.process.wait(timeout=30) == 0
                until_answered(clients, 500)
                clients.__exit__()
        assert clients.lost == []
        assert clients.answered >= 1500


def test_memory_stays_flat_over_a_long_run(tmp_path):
    """SERIN_SOAK_SECONDS=3600 makes it an hour."""
    with serving(doubling(tmp_path / "m.onnx"), tmp_path) as running:
        clients = Clients(8)
        clients.endpoints = [running.port("http")]

        def resident():
            return int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1]) * 4096

        with clients:
            until_answered(clients, 1000)
            before, until = resident(), time.monotonic() + SOAK_SECONDS
            while time.monotonic() < until:
                time.sleep(0.1)
            after = resident()
        assert clients.lost == []
        assert after - before < 10 << 20, (before, after, clients.answered)
        assert running.metric("serin_requests_in_flight") == 0
