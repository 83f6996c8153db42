"""Lets a server of Google Cloud Storage's JSON API take writes by the XML API, which obstore speaks and fake-gcs-server does not."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import httpx
from tests.support.stores import put_into_gcs


@contextmanager
def writable(variables: Mapping[str, str], *, may_write: bool = True) -> Iterator[dict[str, str]]:
    """The variables of a server in front of that of `variables`: reads are passed on, writes are translated, or refused."""
    behind = variables["GOOGLE_BASE_URL"]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() in ("range", "if-match")}
            self._answer(httpx.request(self.command, behind + self.path, headers=headers, trust_env=False))

        do_HEAD = do_GET

        def do_PUT(self) -> None:
            if not may_write:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(httpx.Response(403, text="<Error><Code>AccessDenied</Code></Error>"))
                return
            bucket, _, name = unquote(self.path).lstrip("/").partition("/")
            put_into_gcs(variables, bucket, name, self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(httpx.get(behind + self.path, trust_env=False), with_body=False)

        def do_DELETE(self) -> None:
            bucket, _, name = self.path.lstrip("/").partition("/")
            self._answer(httpx.delete(f"{behind}/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}", trust_env=False))

        def _answer(self, answer: httpx.Response, *, with_body: bool = True) -> None:
            body = answer.content if with_body else b""
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in (
                    "content-length",
                    "transfer-encoding",
                    "content-encoding",
                    "date",
                    "connection",
                ):
                    self.send_header(name, value)
            length = answer.headers.get("Content-Length") if self.command == "HEAD" else str(len(body))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        # Without a signature this client reads, and never writes: so it is given a token, which nobody looks at.
        yield {"GOOGLE_BASE_URL": f"http://127.0.0.1:{server.server_port}", "GOOGLE_BEARER_TOKEN": "of-the-tests-12345"}
    finally:
        server.shutdown()
        server.server_close()
