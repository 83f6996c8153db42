"""Where events of the payload log (and spans) go: stdout, or an HTTP address that may be slow, broken or hostile.

One post has one deadline for everything: connecting, sending, and a response of which only the head is read.
"""

import http.client
import io
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from serin_server.uris import shown

Send = Callable[[bytes], None]
_SEND_SECONDS: Final = 5.0
CLOUD_EVENT: Final = "application/cloudevents+json; charset=utf-8"


class NotTaken(Exception):
    """The receiver answered that it did not take the event; `status` is that of its answer."""

    def __init__(self, said: str, status: int = 0) -> None:
        super().__init__(said)
        self.status = status


def to_stdout(event: bytes) -> None:
    """One event a line."""
    sys.stdout.buffer.write(event + b"\n")
    sys.stdout.buffer.flush()


def to_http(
    url: str,
    seconds: float = _SEND_SECONDS,
    content_type: str = CLOUD_EVENT,
    credentials: Callable[[], Mapping[str, str]] | None = None,
) -> Send:
    """Posts each event. Raises `ValueError` unless the address is http or https.

    Proxies come from the environment, but for a receiver with credentials: those are for itself alone.
    """
    _check(url)
    direct = (urllib.request.ProxyHandler({}),) if credentials is not None else ()
    opener = urllib.request.build_opener(_Http(), _Https(), _NoRedirects(), *direct)

    def send(event: bytes) -> None:
        headers = {"Content-Type": content_type, **(credentials() if credentials is not None else {})}
        request = urllib.request.Request(url, data=event, headers=headers)  # noqa: S310 (checked)
        try:
            opener.open(request, timeout=seconds).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            raise NotTaken(f"it answered {answer.code}", answer.code) from None

    return send


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(f"{shown(url)}: give an http:// or https:// address with a host")


class _Response(http.client.HTTPResponse):
    """A response whose head must be there in time, however it trickles."""

    def __init__(self, sock: socket.socket, *rest: Any, **more: Any) -> None:
        super().__init__(sock, *rest, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock, time.monotonic() + (sock.gettimeout() or _SEND_SECONDS)))


class _InTime(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)


class _Plain(http.client.HTTPConnection):
    response_class = _Response


class _Secure(http.client.HTTPSConnection):
    response_class = _Response


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Plain, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Secure, req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the event, perhaps to a host that nobody named."""

    def redirect_request(self, *_: Any) -> None:
        return None
