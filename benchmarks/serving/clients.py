"""Keep-alive clients that send prepared bytes and measure answers: one process for some connections, JSON on stdout.

python clients.py PORT CONNECTIONS SECONDS PAUSE RATE FILE

FILE holds a whole HTTP request; PAUSE are the seconds between an answer and the next request. With a RATE, requests of each
connection begin at moments of chance, so many a second, whether or not the one before was answered: one that has to wait for
it is as late as its client sees it.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Client(asyncio.Protocol):
    """One connection. In a closed loop the next request follows the answer."""

    def __init__(self, request: bytes, latencies: list[float], bad: list[bytes], until: float, pause: float) -> None:
        self._request, self._latencies, self._bad, self._until, self._pause = request, latencies, bad, until, pause
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self, started: float = 0.0) -> None:
        self._got, self._wanted = bytearray(), 0
        self._started = started or time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._wanted:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._got[:end]).lower()
            length = head.split(b"content-length:")[1].split(b"\r\n")[0]
            self._wanted = end + 4 + int(length)
            if not head.startswith(b"http/1.1 200"):
                self._bad.append(bytes(self._got[:300]))
        if len(self._got) < self._wanted:
            return
        now = time.perf_counter()
        self._latencies.append(now - self._started)
        self._answered(now)

    def _answered(self, now: float) -> None:
        if now < self._until and self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._send)
        elif now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if not self.over.done():
            self.over.set_result(None)


class Paced(Client):
    """One connection whose requests begin when they do, by `rate` a second."""

    def __init__(self, request: bytes, latencies: list[float], bad: list[bytes], until: float, rate: float) -> None:
        super().__init__(request, latencies, bad, until, 0)
        self._rate = rate
        self._is_busy = False
        self._due: deque[float] = deque()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._at = time.perf_counter()
        self._plan()

    def _plan(self) -> None:
        self._at += random.expovariate(self._rate)
        asyncio.get_running_loop().call_later(max(0, self._at - time.perf_counter()), self._begin)

    def _begin(self) -> None:
        now = time.perf_counter()
        if now < self._until:
            self._plan()
            if self._is_busy:
                self._due.append(now)
            else:
                self._is_busy = True
                self._send(now)
        elif not self._is_busy:
            self._transport.close()

    def _answered(self, now: float) -> None:
        if self._due:
            self._send(self._due.popleft())
            return
        self._is_busy = False
        if now >= self._until:
            self._transport.close()


async def drive(
    port: int, connections: int, seconds: float, pause: float, rate: float, request: bytes
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    bad: list[bytes] = []
    started = time.perf_counter()
    clients = []
    kind, pace = (Paced, rate) if rate else (Client, pause)
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: kind(request, latencies, bad, started + seconds, pace), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*[client.over for client in clients])
    return {"seconds": time.perf_counter() - started, "latencies": latencies, "bad": [text.decode() for text in bad]}


def told_by(
    port: int,
    connections: int,
    seconds: float,
    request: bytes,
    processes: int = 1,
    pause: float = 0,
    rate: float = 0,
) -> list[dict[str, Any]]:
    """Drives a server with some processes of clients: what each of them saw. `rate` is that of each connection."""
    processes = min(processes, connections)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "request"
        file.write_bytes(request)
        counts = [connections // processes + (number < connections % processes) for number in range(processes)]
        running = [
            subprocess.Popen([sys.executable, __file__, *map(str, (port, count, seconds, pause, rate)), str(file)])
            for count in counts
        ]
        for each in running:
            each.wait()
        return [json.loads(Path(f"{file}.{each.pid}").read_text()) for each in running]


def driven(
    port: int, connections: int, seconds: float, request: bytes, processes: int = 1, pause: float = 0, rate: float = 0
) -> dict[str, Any]:
    """Drives a server with some processes of clients: requests a second, latencies in ms, what was not 200."""
    told = told_by(port, connections, seconds, request, processes, pause, rate)
    latencies = sorted(latency for each in told for latency in each["latencies"])
    return {
        "requests_per_second": sum(len(each["latencies"]) / each["seconds"] for each in told),
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1000,
        "bad": [text for each in told for text in each["bad"]][:3],
    }


def post(body: bytes, headers: Mapping[str, str], model: str = "m") -> bytes:
    """The bytes of an inference request with these headers."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def infer_request(model: str, tensors: dict[str, Any], datatype: str = "FP32") -> bytes:
    """The bytes of an inference request with binary tensors in both directions."""
    described = [
        {
            "name": name,
            "datatype": datatype,
            "shape": list(array.shape),
            "parameters": {"binary_data_size": array.nbytes},
        }
        for name, array in tensors.items()
    ]
    head = json.dumps({"inputs": described, "parameters": {"binary_data_output": True}}).encode()
    body = head + b"".join(array.tobytes() for array in tensors.values())
    return (
        f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"Inference-Header-Content-Length: {len(head)}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


HEALTH = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


if __name__ == "__main__":
    port, connections, seconds, pause, rate, file = sys.argv[1:]
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    request = Path(file).read_bytes()
    told = run(drive(int(port), int(connections), float(seconds), float(pause), float(rate), request))
    Path(f"{file}.{os.getpid()}").write_text(json.dumps(told))
