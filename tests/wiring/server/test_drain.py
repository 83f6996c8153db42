"""Rolling restarts lose no request: a server leaves when its clients have learnt of it."""

import http.client
import json
import signal
import threading
import time

import pytest
from tests.support.models import doubling
from tests.support.serving import serving, tensor, wait_for

pytestmark = pytest.mark.slow
BODY = json.dumps({"inputs": [tensor("x", "FP32", [1, 3], [1, 2, 3])]})


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
    with serving(model, tmp_path, drain_seconds=2, connection_max_seconds=3) as first:
        clients = Clients(8)
        clients.endpoints = [first.port("http")]
        with clients:
            until_answered(clients, 500)
            with serving(model, tmp_path, drain_seconds=2, connection_max_seconds=3) as second:
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


def test_it_answers_for_as_long_as_new_clients_come_and_then_leaves(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, drain_seconds=1) as running:
        clients = Clients(2)
        clients.endpoints = [running.port("http")]
        with clients:
            until_answered(clients, 100)
            running.process.terminate()
            told = time.monotonic()
            while time.monotonic() < told + 4:  # four times the quiet time: the endpoints are long in catching up
                until_answered(clients, 20)
            assert running.process.poll() is None
        assert clients.lost == []
        assert running.process.wait(timeout=20) == 0


def test_it_leaves_in_the_end_although_clients_still_come_and_says_so(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, drain_seconds=1, drain_max_seconds=2) as running:
        clients = Clients(2)
        clients.endpoints = [running.port("http")]
        with clients:
            until_answered(clients, 100)
            running.process.terminate()
            assert running.process.wait(timeout=20) == 0
        assert any("clients still come" in event["event"] for event in running.events())


def test_a_second_interrupt_ends_the_wait_for_clients(tmp_path):
    with serving(doubling(tmp_path / "m.onnx"), tmp_path, drain_seconds=60) as running:
        running.process.send_signal(signal.SIGINT)
        wait_for(lambda: any(event["event"] == "draining" for event in running.events()))
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=20) == 0
