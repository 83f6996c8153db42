"""Raw servers that answer a fetch with given bytes, slowly if need be: what libraries for tests would set right."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = bytes | Callable[[socket.socket], None]


@contextmanager
def answering(*answers: Answer, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server whose n-th connection gets the n-th answer (the last one again and again); its port.

    An answer is bytes, or a function that does with the connection what it likes.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)

    def serve() -> None:
        number = 0
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                answer = answers[min(number, len(answers) - 1)]
                number += 1
                threading.Thread(target=_answer, args=(connection, answer, tls), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _answer(plain: socket.socket, answer: Answer, tls: ssl.SSLContext | None) -> None:
    with plain, suppress(OSError), plain if tls is None else tls.wrap_socket(plain, server_side=True) as connection:
        asked = b""
        while b"\r\n\r\n" not in asked:
            came = connection.recv(65536)
            if not came:
                return
            asked += came
        if callable(answer):
            answer(connection)
        else:
            connection.sendall(answer)


def ok(body: bytes, *headers: str) -> bytes:
    """A response of 200 with more headers; without a Content-Length among them it ends with the connection."""
    return "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", "Connection: close", *headers, "")).encode() + body


def redirect(location: str) -> bytes:
    """A response that sends the client elsewhere."""
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
