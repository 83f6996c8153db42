"""Controls of every bad kind: programs that take connections as a control would, and answer as they please."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[bytes], bytes | None]
"""What is sent for a request; None for nothing at all, ever."""


@dataclass
class Control:
    """One that listens; what it was asked is kept."""

    port: int
    asked: list[bytes] = field(default_factory=list)


@contextmanager
def control(answer: Answer) -> Iterator[Control]:
    """Listens on a port of this machine until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    told = Control(listening.getsockname()[1])
    is_over = threading.Event()
    threading.Thread(target=_accept, args=(listening, told, answer, is_over), daemon=True).start()
    try:
        yield told
    finally:
        is_over.set()
        listening.close()


def plain(status: str, body: bytes) -> bytes:
    """A whole answer of HTTP."""
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


def _accept(listening: socket.socket, told: Control, answer: Answer, is_over: threading.Event) -> None:
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(accepted, told, answer, is_over), daemon=True).start()


def _serve(accepted: socket.socket, told: Control, answer: Answer, is_over: threading.Event) -> None:
    with accepted:
        while sent := accepted.recv(1 << 20):
            told.asked.append(sent)
            answered = answer(sent)
            if answered is None:
                is_over.wait()
                return
            try:
                accepted.sendall(answered)
            except OSError:
                return
