"""Reads a URL in pieces, and says in one word why it could not."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from serin_server.failures import LoadFailure, Reason, one_line

_CHUNK: Final = 1 << 20
_FORBIDDEN: Final = (401, 403, 407)
_GONE: Final = (404, 410)


class _SameHostHeaders(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but carries the caller's headers (a token, perhaps) to the same host only."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._secret = {name.capitalize() for name in headers}

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if redirected is not None and urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            for name in self._secret:
                redirected.headers.pop(name, None)
        return redirected


def download(url: str, headers: Mapping[str, str], ca_file: Path | None, timeout_seconds: float) -> Iterator[bytes]:
    """The bytes of a URL. Proxies come from the environment. Raises `LoadFailure` with the reason."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise LoadFailure(Reason.SOURCE_FORBIDDEN, f"the CA file {ca_file} cannot be used ({error})") from error
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _SameHostHeaders(headers))
    request = urllib.request.Request(url, headers={"User-Agent": "serin-server", **headers})  # noqa: S310 (scheme checked)
    try:
        with opener.open(request, timeout=timeout_seconds) as answer:
            yield from _body(url, answer)
    except urllib.error.HTTPError as error:
        raise _of_status(url, error.code) from error
    except urllib.error.URLError as error:
        raise _of_transport(url, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _of_transport(url, error) from error


def _body(url: str, answer: http.client.HTTPResponse) -> Iterator[bytes]:
    declared = answer.headers.get("Content-Length")
    got = 0
    while chunk := answer.read(_CHUNK):
        got += len(chunk)
        yield chunk
    if declared is not None and got < int(declared):
        raise LoadFailure(Reason.SOURCE_UNREACHABLE, f"{url}: the connection broke off after {got} of {declared} bytes")


def _of_status(url: str, status: int) -> LoadFailure:
    if status in _GONE:
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{url} answered {status}: check the address of the model")
    if status in _FORBIDDEN:
        return LoadFailure(
            Reason.SOURCE_FORBIDDEN, f"{url} answered {status}: give headers that may read it (model.headersSecret)"
        )
    if status >= 500 or status in (408, 425, 429):
        return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{url} answered {status}: see what ails its server")
    return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{url} answered {status}, not the model: check its address")


def _of_transport(url: str, error: object) -> LoadFailure:
    match error:
        case ssl.SSLCertVerificationError():
            return LoadFailure(
                Reason.SOURCE_FORBIDDEN, f"{url}: its certificate is not trusted ({error.verify_message}): give its CA"
            )
        case TimeoutError():
            return LoadFailure(
                Reason.SOURCE_UNREACHABLE,
                f"{url} did not answer in time: check that pods may reach it (NetworkPolicy, proxy, firewall)",
            )
        case socket.gaierror():
            return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{url}: the name of its host is not known ({error})")
        case _:
            return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{url} cannot be reached ({one_line(error, 200)})")
