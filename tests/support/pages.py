"""A small server of fixed pages, which remembers who asked for what: stands in for services that are too large to start."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Pages:
    """Pages by path and query; what is missing answers 404."""

    port: int = 0
    found: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    token: str = ""
    """The Authorization that every request must carry; anybody's when empty."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Page = bytes | list | dict | tuple[int, dict[str, str], bytes] | Callable[[], Any]


@contextmanager
def pages(tls: ssl.SSLContext | None = None) -> Iterator[Pages]:
    """The server, by TLS where it has a context; a page is JSON, bytes, or status, headers and bytes."""
    ours = Pages()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            ours.asked.append((self.path, dict(self.headers)))
            page = ours.found.get(self.path, (404, {}, b"{}"))
            if ours.token and self.headers.get("Authorization") != ours.token:
                page = (401, {}, b"{}")
            page = page() if callable(page) else page
            status, headers, body = page if isinstance(page, tuple) else (200, {}, page)
            if not isinstance(body, bytes):
                body = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    ours.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield ours
    finally:
        server.shutdown()
        server.server_close()
