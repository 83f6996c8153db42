"""Reads a URL in pieces, and says in one word why it could not."""

import http.client
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.patience import Patience
from serin_server.model.redirects import Route
from serin_server.uris import scrubbed, shown

_CHUNK: Final = 1 << 20
_FORBIDDEN: Final = (401, 403, 407)
_GONE: Final = (404, 410)
_HOST: Final = re.compile(r"[A-Za-z0-9._~-]+")
_STAY: Final = "/%:@!$&'()*+,;=~?"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a URL may be read."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent to the URL's own host only: a token, perhaps."""
    ca_file: Path | None = None
    silence_seconds: float = 30.0
    total_seconds: float = 0.0
    redirect_hosts: frozenset[str] = frozenset()


def download(uri: str, terms: Terms) -> Iterator[bytes]:
    """The bytes of a URL. Proxies come from the environment. Raises `LoadFailure` with the reason."""
    url = _readable(uri)
    try:
        context = ssl.create_default_context(cafile=str(terms.ca_file) if terms.ca_file else None)
    except OSError as error:
        message = f"the CA file {terms.ca_file} cannot be used ({one_line(error, 200)}): give a PEM file"
        raise LoadFailure(Reason.SOURCE_FORBIDDEN, message) from error
    with Patience(terms.silence_seconds, terms.total_seconds) as patience:
        route = Route(uri, terms.redirect_hosts)
        opener = urllib.request.build_opener(
            _Http(route, patience), _Https(route, patience, context), _Redirects(terms.headers)
        )
        request = urllib.request.Request(url, headers={"User-Agent": "serin-server", **terms.headers})  # noqa: S310 (scheme checked)
        try:
            with opener.open(request, timeout=terms.silence_seconds) as answer:
                yield from _body(uri, answer, patience)
        except urllib.error.HTTPError as error:
            error.close()
            raise _of_status(uri, error.code) from None
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a redirect that is no address
            if patience.verdict:
                raise _impatient(uri, patience) from None
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _of_transport(uri, cause) from error


class _Http(urllib.request.HTTPHandler):
    """Opens connections by the route, under the eyes of patience."""

    def __init__(self, route: Route, patience: Patience) -> None:
        super().__init__()
        self._route = route
        self._patience = patience

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_connection, http.client.HTTPConnection, self._route, self._patience, req), req)


class _Https(urllib.request.HTTPSHandler):
    """The same with TLS."""

    def __init__(self, route: Route, patience: Patience, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._route = route
        self._patience = patience
        self._trusted = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        kind = partial(http.client.HTTPSConnection, context=self._trusted)
        return self.do_open(partial(_connection, kind, self._route, self._patience, req), req)


def _connection(
    kind: Any, route: Route, patience: Patience, request: urllib.request.Request, host: str, **more: Any
) -> http.client.HTTPConnection:
    connection: http.client.HTTPConnection = kind(host, **more)
    target = urlsplit(request.full_url)
    is_proxied = request.has_proxy() or getattr(request, "_tunnel_host", None) is not None

    def connect(address: tuple[str, int], timeout: float, _source: object = None) -> socket.socket:
        if not is_proxied:
            return patience.watches(route.connect(address, timeout))
        route.check_named(target.hostname or "", target.port or 0)
        return patience.watches(socket.create_connection(address, timeout))

    # The one place where the address that a name led to can be judged before it is connected to.
    connection._create_connection = connect  # type: ignore[attr-defined]  # noqa: SLF001
    return connection


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of TLS, and carries the caller's headers to the same host only."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._secret = {name.capitalize() for name in headers}

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        url = _readable(newurl, "the redirect")
        old, new = urlsplit(req.full_url), urlsplit(url)
        if new.scheme == "http" and old.scheme == "https":
            message = f"{shown(req.full_url)} redirects to {shown(url)}, out of TLS: name an https:// address that keeps to it"
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, message)
        redirected = super().redirect_request(req, fp, code, msg, headers, url)  # type: ignore[arg-type]
        if redirected is not None and new[:2] != old[:2]:
            for name in self._secret:
                redirected.headers.pop(name, None)
        return redirected


def _readable(uri: str, what: str = "the address") -> str:
    """The URL as it goes over the wire: everything quoted that must be. Raises `LoadFailure`."""
    try:
        parts = urlsplit(uri)
        name = _host(parts.hostname or "", parts.netloc)
    except ValueError:
        raise _not_an_address(uri, what, "it names no host") from None
    try:
        port = parts.port
    except ValueError:
        raise _not_an_address(uri, what, "its port is no number from 0 to 65535") from None
    if parts.scheme not in ("http", "https"):
        raise _not_an_address(uri, what, "its scheme is neither http nor https")
    if "@" in parts.netloc:
        raise _not_an_address(
            uri, what, "names and passwords do not belong into it: send a header (spec.model.headerSecret)"
        )
    netloc = name if port is None else f"{name}:{port}"
    path, query = (quote(part.encode("utf-8", "surrogateescape"), safe=_STAY) for part in (parts.path, parts.query))
    return urlunsplit((parts.scheme, netloc, path or "/", query, ""))


def _host(host: str, netloc: str) -> str:
    """The host as it goes over the wire. Raises `ValueError`."""
    if "[" in netloc:
        return f"[{IPv6Address(host)}]"
    name = host.encode("idna").decode()
    if not _HOST.fullmatch(name):
        raise ValueError(host)
    return name


def _not_an_address(uri: str, what: str, why: str) -> LoadFailure:
    return LoadFailure(Reason.SOURCE_UNSUPPORTED, f"{what} {shown(uri)} cannot be used: {why}")


def _body(uri: str, answer: http.client.HTTPResponse, patience: Patience) -> Iterator[bytes]:
    if answer.status != 200:
        raise _of_status(uri, answer.status)
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        message = f"{shown(uri)} sent it as Content-Encoding: {one_line(encoding, 40)}, which was not asked for: store it without"
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    declared = answer.headers.get("Content-Length")
    is_chunked = answer.headers.get("Transfer-Encoding") is not None
    if declared is not None and not is_chunked and not (declared.isascii() and declared.strip().isdigit()):
        message = f"{shown(uri)} answered with the Content-Length {one_line(declared, 40)!r}, no number: see what ails its server"
        raise LoadFailure(Reason.SOURCE_UNREACHABLE, message)
    got = 0
    while chunk := answer.read1(_CHUNK):
        got += len(chunk)
        patience.came(len(chunk))
        yield chunk
    if patience.verdict:
        raise _impatient(uri, patience)
    if declared is not None and not is_chunked and got < int(declared):
        message = f"{shown(uri)}: the connection broke off after {got} of {int(declared)} bytes"
        raise LoadFailure(Reason.SOURCE_UNREACHABLE, message)


def _impatient(uri: str, patience: Patience) -> LoadFailure:
    return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{shown(uri)}: {patience.verdict}")


def _of_status(uri: str, status: int) -> LoadFailure:
    url = shown(uri)
    if status in _GONE:
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{url} answered {status}: check the address of the model")
    if status in _FORBIDDEN:
        return LoadFailure(
            Reason.SOURCE_FORBIDDEN, f"{url} answered {status}: give headers that may read it (spec.model.headerSecret)"
        )
    if status >= 500 or status in (408, 425, 429):
        return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{url} answered {status}: see what ails its server")
    if 300 <= status < 400:
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{url} redirects without end ({status}): check its address")
    return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{url} answered {status}, not the model: check its address")


def _of_transport(uri: str, error: object) -> LoadFailure:
    url = shown(uri)
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
            said = scrubbed(one_line(error, 200), uri)
            return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{url} cannot be reached ({said or type(error).__name__})")
