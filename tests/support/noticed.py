"""A receiver of notices as a server of its own, on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.ports import free_port


@dataclass
class Receiver:
    """Takes CloudEvents, with the status that it is told to answer."""

    url: str = ""
    status: int = 200
    events: list[dict[str, Any]] = field(default_factory=list)
    """What was taken."""
    headers: list[dict[str, str]] = field(default_factory=list)
    attempts: int = 0

    @property
    def heard(self) -> list[str]:
        """Occasions and versions, each id once, in the order in which they came first."""
        return [f"{e['data']['occasion']} {e.get('subject')}" for e in {e["id"]: e for e in self.events}.values()]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver while the block lasts."""
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.attempts += 1
            if found.status < 300:
                found.headers.append(dict(self.headers))
                found.events.append(json.loads(body))
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that is overridden
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
