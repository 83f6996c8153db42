"""Fetches that break off go on, as long as it is certain that the bytes are the same; else nothing of them is used."""

import re
import socket

import pytest
from tests.support.models import doubling
from tests.support.sources import answering


class Store:
    """Answers a file as a web server does, and breaks off after some bytes of each answer."""

    def __init__(self, body, *, etag='"one"', breaks_after=None, ranges=True, modified=""):
        self.body, self.etag, self.ranges, self.modified = body, etag, ranges, modified
        self.breaks_after = breaks_after
        self.heads = []

    def __call__(self, connection: socket.socket) -> None:
        head = self.heads[-1]
        start = int(found[1]) if self.ranges and (found := re.search(r"Range: bytes=(\d+)-", head)) else 0
        condition = re.search(r"If-Match: (\S+)", head)
        if condition and condition[1] != self.etag:
            connection.sendall(b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        marks = f"ETag: {self.etag}\r\n" if self.etag else ""
        marks += f"Last-Modified: {self.modified}\r\n" if self.modified else ""
        status = (
            f"206 Partial Content\r\nContent-Range: bytes {start}-{len(self.body) - 1}/{len(self.body)}"
            if start
            else "200 OK"
        )
        rest = self.body[start:]
        told = f"HTTP/1.1 {status}\r\n{marks}Content-Length: {len(rest)}\r\nConnection: close\r\n\r\n"
        connection.sendall(told.encode() + rest[: self.breaks_after])


@pytest.fixture
def model(tmp_path):
    return doubling(tmp_path / "m.onnx").read_bytes()


@pytest.fixture
def served(monkeypatch):
    """Serves the store, telling it the heads of requests."""
    from tests.support import sources

    def answer(plain, store, tls):
        with plain:
            asked = b""
            while b"\r\n\r\n" not in asked and (came := plain.recv(65536)):
                asked += came
            store.heads.append(asked.decode())
            store(plain)

    monkeypatch.setattr(sources, "_answer", answer)
    return answering


@pytest.mark.parametrize(
    "store",
    [
        {"breaks_after": 40},
        {"breaks_after": 40, "etag": "", "modified": "Wed, 21 Oct 2026 07:28:00 GMT"},
        {"breaks_after": 40, "etag": 'W/"weak"', "modified": "Wed, 21 Oct 2026 07:28:00 GMT"},
    ],
    ids=["by its ETag", "by the time of its last change", "by a weak ETag"],
)
def test_a_fetch_that_breaks_off_goes_on_where_it_was(model, served, fetched, store, capsys):
    there = Store(model, **store)
    with served(there) as port:
        assert fetched(f"http://127.0.0.1:{port}/m.onnx").path.read_bytes() == model
    assert len(there.heads) == -(-len(model) // 40)
    assert "going on from byte 40 (try 1 of 4)" in capsys.readouterr().err


def test_a_store_that_knows_no_ranges_sends_all_of_it_again(model, served, fetched):
    there = Store(model, ranges=False, breaks_after=60)
    there_whole = Store(model, ranges=False)
    there_whole.heads = there.heads
    with served(there, there_whole) as port:
        assert fetched(f"http://127.0.0.1:{port}/m.onnx").path.read_bytes() == model


@pytest.mark.parametrize("ranges", [True, False], ids=["told by 412", "told by another ETag"])
def test_bytes_that_change_in_mid_download_are_noticed(model, served, fetched, ranges):
    before = Store(model, breaks_after=40)
    after = Store(b"x" * len(model), etag='"two"', ranges=ranges)
    if not ranges:
        after.__class__ = type("Deaf", (Store,), {"__call__": _without_conditions})
    with served(before, after) as port:
        failure = fetched(f"http://127.0.0.1:{port}/m.onnx")
    assert failure.reason == "SourceChanged"
    assert "changed while it was being fetched" in failure.message
    assert failure.exit_code == 75


def _without_conditions(store, connection):
    body = store.body
    connection.sendall(f"HTTP/1.1 200 OK\r\nETag: {store.etag}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def test_without_a_mark_nothing_is_put_together_from_two_answers(model, served, fetched):
    with served(Store(model, etag="", breaks_after=40)) as port:
        failure = fetched(f"http://127.0.0.1:{port}/m.onnx")
    assert failure.reason == "SourceUnreachable"
    assert f"broke off after 40 of {len(model)} bytes" in failure.message


def test_a_store_that_only_breaks_off_is_given_up_with_the_reason_and_the_number_of_tries(model, served, fetched):
    with served(Store(model, breaks_after=40), Store(model, breaks_after=0)) as port:
        failure = fetched(f"http://127.0.0.1:{port}/m.onnx")
    assert failure.reason == "SourceUnreachable"
    assert "broke off" in failure.message
    assert f"given up at byte 40 of {len(model):,} after 4 more tries" in failure.message
