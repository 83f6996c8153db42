"""Several processes that share the ports by SO_REUSEPORT: one server to the outside.

The parent holds no model. It starts the workers, merges their metrics on the metrics port, passes SIGTERM on and waits.
The workers are ready when all are, so that no probe can find one early. When one dies the server ends: its counts
would be lost inside a series, and Kubernetes starts a container anew better than we do.
"""

import http.client
import mmap
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from serin_server.config.settings import Settings
from serin_server.metrics.merge import merged

_SCRAPE_SECONDS: Final = 5.0
_EXIT_WORKER_DIED: Final = 70


def serve_several(settings: Settings) -> int:
    """Serves with `settings.processes` workers until SIGTERM; the exit code."""
    started_at = time.time()
    ready = mmap.mmap(-1, settings.processes)
    with tempfile.TemporaryDirectory(prefix="serin-") as folder:
        sockets = [Path(folder) / f"{number}.sock" for number in range(settings.processes)]
        workers = [_started(settings, started_at, ready, number, sockets[number]) for number in range(len(sockets))]
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: _tell(workers, signal.SIGTERM))
        listener = _metrics_listener(settings, sockets)
        try:
            return _wait(workers)
        finally:
            listener.shutdown()
            listener.server_close()


def _started(settings: Settings, started_at: float, ready: mmap.mmap, number: int, file: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        from serin_server.process.serve import Siblings, serve  # noqa: PLC0415 (the parent stays small)

        pod = settings.pod_name or socket.gethostname()
        code = serve(replace(settings, pod_name=pod), Siblings(started_at, ready, number, file))
    finally:
        sys.stderr.flush()
        os._exit(code)


def _tell(workers: Sequence[int], number: int) -> None:
    for pid in workers:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _wait(workers: Sequence[int]) -> int:
    """Waits for all; the first that ends takes the others with it."""
    left, code = set(workers), 0
    while left:
        pid, status = os.wait()
        if pid not in left:
            continue
        left.discard(pid)
        ended = os.waitstatus_to_exitcode(status)
        if ended and not code:
            code = ended if ended > 0 else _EXIT_WORKER_DIED
        _tell(sorted(left), signal.SIGTERM)
    return code


def _metrics_listener(settings: Settings, sockets: Sequence[Path]) -> ThreadingHTTPServer:
    class Scrape(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/metrics":
                self.send_error(404)
                return
            try:
                body = merged([_scraped(file) for file in sockets]).encode()
            except OSError as error:
                self.send_error(503, str(error))
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's word)
            del format, args

    listener = ThreadingHTTPServer((settings.host, settings.metrics_port), Scrape)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener


def _scraped(file: Path) -> str:
    connection = http.client.HTTPConnection("localhost", timeout=_SCRAPE_SECONDS)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(_SCRAPE_SECONDS)
    try:
        connection.sock.connect(str(file))
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
