"""Trouble with buckets that no real server makes on demand: cut, changed, stalled, slow, led elsewhere."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.models import doubling

SECRET = "a-secret-key-of-s3"
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}


class Object:
    """One object of a bucket, in a server that behaves as it is told."""

    def __init__(self, body):
        self.body, self.etag = body, '"one"'
        self.on_get = lambda handler, start: handler.send_all(start)
        self.gets, self.port = [], 0


@contextmanager
def bucket(body):
    there = Object(body)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def head(self, start, status=None):
            self.send_response(status or (206 if start else 200))
            self.send_header("Content-Length", str(len(there.body) - start))
            self.send_header("ETag", there.etag)
            self.send_header("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(there.body) - 1}/{len(there.body)}")
            self.end_headers()

        def send_all(self, start, stop=None):
            self.head(start)
            self.wfile.write(there.body[start:stop])
            self.close_connection = True

        def do_HEAD(self):
            self.head(0)

        def do_GET(self):
            there.gets.append(dict(self.headers))
            wanted = self.headers.get("If-Match")
            if wanted and wanted != there.etag:
                self.send_response(412)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            asked = self.headers.get("Range", "bytes=0-")
            there.on_get(self, int(asked.removeprefix("bytes=").partition("-")[0]))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def there(tmp_path):
    with bucket(doubling(tmp_path / "m.onnx").read_bytes() + b"") as found:
        yield found


@pytest.fixture
def get(there, fetched, secret):
    def run(**more):
        return fetched("s3://models/m.onnx", secret(**KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{there.port}"), **more)

    return run


def test_an_object_that_breaks_off_at_half_goes_on_there_if_it_is_the_same(there, get):
    half = len(there.body) // 2

    def once(handler, start):
        handler.send_all(start, None if start else half)

    there.on_get = once
    assert get().path.read_bytes() == there.body
    assert [(each.get("range"), each.get("if-match")) for each in map(lowered, there.gets)] == [
        (None, None), (f"bytes={half}-", '"one"'),
    ]  # fmt: skip


def lowered(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_an_object_that_changes_in_mid_download_is_noticed(there, get):
    def changing(handler, start):
        handler.send_all(start, 40)
        there.etag, there.body = '"two"', b"x" * len(there.body)

    there.on_get = changing
    failure = get()
    assert failure.reason == "SourceChanged"
    assert "s3://models/m.onnx at http://127.0.0.1" in failure.message


def test_an_object_that_always_breaks_off_is_given_up_with_reason_and_tries(there, get):
    there.on_get = lambda handler, start: handler.send_all(start, start or 40)
    failure = get()
    assert failure.reason == "SourceUnreachable"
    assert "given up at byte 40" in failure.message


@pytest.mark.slow  # ten seconds of patience, which nobody sets
def test_a_store_that_falls_silent_is_given_up(there, get, monkeypatch):
    ended = threading.Event()

    def silent(handler, start):
        handler.send_all(start, 40)
        ended.wait(20)

    there.on_get = silent
    monkeypatch.setattr("serin_server.model.resuming.TRIES", 1)
    began = time.monotonic()
    failure = get()
    ended.set()
    assert failure.reason == "SourceUnreachable"
    assert time.monotonic() - began < 20


def test_a_store_that_only_trickles_is_given_up(there, get):
    there.body = bytes(1 << 20)

    def trickling(handler, start):
        handler.head(start)
        for _ in range(1000):
            handler.wfile.write(b"x")
            time.sleep(0.02)  # how a slow store behaves

    there.on_get = trickling
    failure = get(total_seconds=0.5)
    assert failure.reason == "SourceUnreachable"
    assert "no more time is given" in failure.message


def test_a_redirect_to_another_host_takes_no_signature_along(there, get):
    with bucket(there.body) as elsewhere:

        def led(handler, _start):
            handler.send_response(307)
            handler.send_header("Location", f"http://127.0.0.1:{elsewhere.port}/models/m.onnx")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        there.on_get = led
        get()
        assert "authorization" in lowered(there.gets[0])
        assert all("authorization" not in lowered(each) for each in elsewhere.gets)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"<Error><Code>InvalidAccessKeyId</Code></Error>", "spec.model.credentials"),
        (400, b"<Error><Code>ExpiredToken</Code><Message>m</Message></Error>", "have expired"),
        (
            400,
            b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>",
            "another region (us-west-2)",
        ),
        (301, b"", "another region"),
        (404, b"<Error><Code>NoSuchBucket</Code></Error>", "no such bucket"),
    ],
)
def test_what_a_store_answers_becomes_a_sentence_without_its_xml(there, get, status, body, words):
    def refusing(handler, _start):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    there.on_get = refusing
    failure = get()
    assert words in failure.message, failure
    assert "<" not in failure.message
    assert SECRET not in failure.message
    assert failure.exit_code == 64


@pytest.mark.parametrize("uri", ["s3://", "s3://me:pw@models/x", "s3://models/x?versionId=1"])
def test_an_address_that_is_none_is_refused_with_how_it_is_written(fetched, uri):
    failure = fetched(uri)
    assert failure.reason == "SourceUnsupported"
    assert "s3://bucket/path" in failure.message
    assert "pw" not in failure.message
