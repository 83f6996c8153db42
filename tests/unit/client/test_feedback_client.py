"""The client for labels: nothing is lost when a process dies or a server is away, and nothing is sent twice without need."""

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from serin_client import Feedback, NotTaken

ANSWER = {"model_version": "r1", "parameters": {"feedback_token": "k1.token", "predicted_at": 1.5}}
PLAIN = {"model_version": "r1", "parameters": {"predicted_at": 1.5}}


class Server:
    """Takes rows as a server of the model does, with a status for each request."""

    def __init__(self):
        self.statuses = []
        self.batches = []
        self.headers = {}

    @property
    def rows(self):
        return [row for batch in self.batches for row in batch]


@pytest.fixture
def server():
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["rows"]
            status = told.statuses.pop(0) if told.statuses else 200
            told.headers = dict(self.headers)
            if status == 200:
                told.batches.append(rows)
            rejected = [
                {"row": n, "reason": "duplicate", "error": ""} for n, r in enumerate(rows) if r.get("label") == "twice"
            ]
            body = json.dumps({"accepted": len(rows) - len(rejected), "rejected": rejected}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            del words

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{listening.server_address[1]}/v2/models/m"
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    yield told
    listening.shutdown()
    listening.server_close()


class Clock:
    now = 1_795_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def feedback(server, tmp_path, clock):
    return Feedback(server.url, tmp_path / "labels.db", headers={"X-Api-Key": "key"}, clock=clock)


def test_a_label_is_sent_with_the_token_of_its_prediction(server, feedback):
    feedback.remember("a", ANSWER)
    feedback.label("a", 1)
    outcome = feedback.send()
    assert (outcome.accepted, outcome.rejected, outcome.waiting) == (1, [], 0)
    assert server.rows == [{"token": "k1.token", "row": 0, "label": 1}]
    assert server.headers["X-Api-Key"] == "key"
    assert feedback.send().accepted == 0, "once"


def test_a_score_is_sent_with_the_label_or_alone(server, feedback):
    feedback.remember("a", ANSWER, rows=2)
    feedback.label("a", 1, score=4.5)
    feedback.label("a", row=1, score=2)
    assert feedback.send().accepted == 2
    assert [{**one, "token": ""} for one in server.rows] == [
        {"token": "", "row": 0, "label": 1, "score": 4.5},
        {"token": "", "row": 1, "score": 2},
    ]
    with pytest.raises(ValueError, match="nothing is said of 'a'"):
        feedback.label("a")


def test_a_label_that_the_release_before_has_kept_is_sent(server, feedback, tmp_path):
    feedback.remember("a", ANSWER)
    with closing(sqlite3.connect(tmp_path / "labels.db")) as kept, kept:
        kept.execute("insert into labels (key, row, label, at) values ('a', 0, '\"yes\"', 1795000000)")
    feedback.send()
    assert server.rows[0]["label"] == "yes"


def test_each_row_of_a_prediction_has_its_label(server, feedback):
    feedback.remember("a", ANSWER, rows=3)
    feedback.label("a", "red", row=2)
    feedback.send()
    assert server.rows == [{"token": "k1.token", "row": 2, "label": "red"}]


def test_a_label_takes_along_what_is_known_of_its_row(server, feedback):
    feedback.remember("a", ANSWER, rows=2, attributes=[{"region": "north"}, {"region": "south", "age": 41}])
    feedback.label("a", 1, row=1)
    feedback.send()
    assert server.rows == [{"token": "k1.token", "row": 1, "attributes": {"region": "south", "age": 41}, "label": 1}]
    with pytest.raises(ValueError, match=r"longer|shorter"):
        feedback.remember("b", ANSWER, rows=2, attributes=[{"region": "north"}])


def test_without_a_token_the_prediction_itself_is_sent(server, feedback):
    with pytest.raises(ValueError, match="predictions"):
        feedback.remember("a", PLAIN)
    feedback.remember("a", PLAIN, [0, 1])
    feedback.label("a", 1, row=1)
    feedback.send()
    row = {"model_version": "r1", "predicted_at": 1.5, "prediction": 1, "id": "a", "row": 1, "label": 1}
    assert server.rows == [row]


def test_a_label_that_comes_before_its_prediction_waits_for_it(server, feedback):
    feedback.label("a", 1)
    assert feedback.send().waiting == 1
    feedback.remember("a", ANSWER)
    assert feedback.send().accepted == 1


def test_labels_go_in_batches(server, feedback):
    feedback._store.remember("rest", [{"token": "t", "row": 0}], feedback._clock())
    with feedback._store._opened() as connection, connection:  # at once: each label of its own is an fsync
        labels = [(f"{number}", feedback._clock()) for number in range(2500)]
        connection.executemany("insert into labels (key, row, label, at) values (?, 0, '1', ?)", labels)
        connection.execute("insert into predictions select key, 0, '{}', ? from labels", (feedback._clock(),))
    assert feedback.send().accepted == 2500
    assert [len(batch) for batch in server.batches] == [1000, 1000, 500]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_a_server_cannot_take_now_is_kept_and_tried_again_later(server, feedback, clock, status):
    feedback.remember("a", ANSWER)
    feedback.label("a", 1)
    server.statuses = [status, status]
    sent = []
    for second in range(4):
        if feedback.send().accepted:
            sent.append(second)
        clock.now += 1
    assert sent == [3], "after pauses of one second and of two"
    assert len(server.rows) == 1


def test_a_server_that_is_not_there_loses_nothing(tmp_path, server, clock):
    away = Feedback("http://127.0.0.1:9/v2/models/m", tmp_path / "labels.db", clock=clock)
    away.remember("a", ANSWER)
    away.label("a", 1)
    assert away.send().waiting == 1
    clock.now += 1
    assert Feedback(server.url, tmp_path / "labels.db", clock=clock).send().accepted == 1


def test_a_wrong_key_is_told_and_loses_nothing(server, feedback):
    feedback.remember("a", ANSWER)
    feedback.label("a", 1)
    server.statuses = [401]
    with pytest.raises(NotTaken, match="401"):
        feedback.send()
    assert feedback.send().accepted == 1


def test_a_row_that_is_refused_is_told_and_not_sent_again(server, feedback):
    feedback.remember("a", ANSWER)
    feedback.label("a", "twice")
    assert feedback.send().rejected[0]["reason"] == "duplicate"
    assert feedback.send().waiting == 0


def test_what_is_too_old_is_forgotten(server, feedback, clock):
    feedback.remember("a", ANSWER)
    feedback.label("b", 1)
    clock.now += 31 * 86_400
    feedback.label("a", 1)
    assert (feedback.send().waiting, server.rows) == (1, [])


def test_a_label_that_somebody_is_sending_is_nobody_elses(server, tmp_path, clock):
    one, other = (Feedback(server.url, tmp_path / "labels.db", clock=clock) for _ in range(2))
    one.remember("a", ANSWER)
    one.label("a", 1)
    leased = one._store.lease(10, clock.now, 120)
    assert (len(leased), other.send().accepted) == (1, 0)
    clock.now += 121
    assert other.send().accepted == 1, "one that died gives it back in time"


@contextmanager
def killed(code, *arguments):
    """A program that ends without a chance to clean up."""
    program = f"import os, sys\nfrom serin_client import Feedback\n{code}\nos._exit(9)"
    yield subprocess.run([sys.executable, "-c", program, *map(str, arguments)], check=False, timeout=60)


@pytest.mark.slow
def test_nothing_is_lost_when_the_process_dies(server, tmp_path):
    code = (
        f"feedback = Feedback(sys.argv[1], sys.argv[2])\n"
        f"for n in range(50):\n    feedback.remember(str(n), {ANSWER!r})\n    feedback.label(str(n), n)\n"
    )
    with killed(code, server.url, tmp_path / "labels.db") as died:
        assert died.returncode == 9
    assert Feedback(server.url, tmp_path / "labels.db").send().accepted == 50
    assert [row["label"] for row in server.rows] == list(range(50))


def test_it_sends_beside_a_program_and_once_more_at_its_end(server, feedback):
    feedback.remember("a", ANSWER)
    heard = []
    with feedback.sending(3600, heard.append):
        feedback.label("a", 1)
    assert [outcome.accepted for outcome in heard] == [1]


@pytest.mark.parametrize("model", ["credit-risk", "file:///etc/passwd", ""])
def test_an_address_that_is_none_is_refused_by_name(tmp_path, model):
    with pytest.raises(ValueError, match="model="):
        Feedback(model, tmp_path / "labels.db")
