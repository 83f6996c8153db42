"""The example's clients: connections may end between requests without a loss, and nothing is sent twice."""

import asyncio
import importlib.util
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

FILE = Path(__file__).parents[2] / "examples/breast-cancer/traffic.py"


@pytest.fixture(scope="module")
def traffic():
    spec = importlib.util.spec_from_file_location("traffic", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["traffic"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Service(BaseHTTPRequestHandler):
    """Answers, and ends its connection after each answer without announcing it; or not at all."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[str]] = []

    def do_POST(self):
        self.seen.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        status = 503 if self.path == "/shed" else 200
        if self.path != "/cut":
            self.send_response(status)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b'{"ok": 1}')
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Service.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_connection_that_ended_between_two_requests_loses_none(traffic, url) -> None:
    client = traffic.Client(url)

    async def ask() -> list[dict]:
        answers = []
        for _ in range(5):
            answers.append(await client.post("/fine", {}))
            while client._connection.sock and not traffic.select.select([client._connection.sock], [], [], 1)[0]:
                pass
        return answers

    assert asyncio.run(ask()) == [{"ok": 1}] * 5


@pytest.mark.parametrize(("path", "words"), [("/shed", "503"), ("/cut", "RemoteDisconnected")])
def test_what_is_lost_is_told_and_not_sent_again(traffic, url, path, words) -> None:
    with pytest.raises(traffic.NotAnswered, match=words):
        asyncio.run(traffic.Client(url).post(path, {}))
    assert Service.seen == [path]
