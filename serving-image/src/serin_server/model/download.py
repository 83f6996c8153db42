"""Reads URLs in pieces, and says in one word why it could not. Proxies come from the environment."""

import http.client
import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.addresses import readable
from serin_server.model.answers import Interrupted, Refused, of_status, of_transport
from serin_server.model.patience import Patience
from serin_server.model.redirects import Route
from serin_server.model.resuming import Mark, Rest, resumed
from serin_server.uris import shown

_CHUNK: Final = 1 << 20
_DOCUMENT_BYTES: Final = 8 << 20
_RANGE: Final = re.compile(r"bytes (\d+)-\d*/(\d+|\*)")
BY_HEADERS: Final = "give headers that may read it (spec.model.headerSecret)"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a URL may be read."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent to the URL's own host only: a token, perhaps."""
    ca_file: Path | None = None
    silence_seconds: float = 30.0
    total_seconds: float = 0.0
    redirect_hosts: frozenset[str] = frozenset()
    way_in: str = BY_HEADERS
    """How credentials are given, for messages."""


def download(uri: str, terms: Terms) -> Iterator[bytes]:
    """The bytes of a URL. Raises `LoadFailure` with the reason."""
    readable(uri)
    with Client(uri, terms) as client:
        yield from client.stream(uri, terms.headers)


class Client:
    """One fetch, of as many requests as it takes: one patience, and one measure of how far inside redirects may lead.

    Args:
        uri: What a person has named, for messages.
        terms: How it may be read. Its headers are sent where they are passed on only.
    """

    def __init__(self, uri: str, terms: Terms) -> None:
        try:
            context = ssl.create_default_context(cafile=str(terms.ca_file) if terms.ca_file else None)
        except OSError as error:
            message = f"the CA file {terms.ca_file} cannot be used ({one_line(error, 200)}): give a PEM file"
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, message) from error
        self._uri, self._terms = uri, terms
        self._patience = Patience(terms.silence_seconds, terms.total_seconds)
        route = Route(uri, terms.redirect_hosts)
        self._opener = urllib.request.build_opener(
            _Http(route, self._patience),
            _Https(route, self._patience, context),
            _Redirects({"Authorization": "", **terms.headers}),
        )

    def __enter__(self) -> Self:
        self._patience.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._patience.__exit__(kind, error, trace)

    def stream(self, url: str, headers: Mapping[str, str]) -> Iterator[bytes]:
        """The bytes of a URL, through breaks of the connection. Raises `LoadFailure`."""
        return resumed(self._told(url), partial(self._open_at, url, headers))

    def document(self, url: str, headers: Mapping[str, str]) -> tuple[Any, Message]:
        """A JSON document of at most 8 MiB, and the headers that it came with. Raises `LoadFailure`."""
        text, came_with = self.small(url, headers)
        try:
            return json.loads(text), came_with
        except ValueError:
            message = f"{self._told(url)} answered with what is no JSON: check the address of the server"
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message) from None

    def small(self, url: str, headers: Mapping[str, str]) -> tuple[bytes, Message]:
        """The bytes of a small answer, and its headers. Raises `LoadFailure`."""
        with self._answer(url, headers) as answer:
            text = b""
            for chunk in self._body(url, answer):
                text += chunk
                if len(text) > _DOCUMENT_BYTES:
                    message = (
                        f"{self._told(url)} answered with more than {_DOCUMENT_BYTES >> 20} MiB: check its address"
                    )
                    raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
            return text, answer.headers

    @contextmanager
    def _open_at(self, url: str, headers: Mapping[str, str], start: int, mark: Mark) -> Iterator[Rest]:
        with self._answer(url, {**headers, **_condition(start, mark)}) as answer:
            yield self._rest(url, answer, start)

    def _rest(self, url: str, answer: http.client.HTTPResponse, start: int) -> Rest:
        length = answer.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() else None
        etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
        chunks = self._body(url, answer, partial=bool(start))
        if answer.status != 206 or not start:
            return Rest(Mark(etag, modified, size), 0, chunks)
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != start:
            raise of_status(self._told(url), answer.status, self._terms.way_in)
        of_all = int(found[2]) if found[2] != "*" else None
        return Rest(Mark(etag, modified, of_all), start, chunks)

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        told = self._told(url)
        address = readable(url)
        request = urllib.request.Request(address, headers={"User-Agent": "serin-server", **headers})  # noqa: S310 (scheme checked)
        try:
            with self._opener.open(request, timeout=self._terms.silence_seconds) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            error.close()
            failure = of_status(told, error.code, self._terms.way_in)
            raise failure if isinstance(failure, Interrupted) else Refused(failure, error.code, error.headers) from None
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a redirect that is no address
            if self._patience.verdict:
                raise self._impatient(told) from None
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            raise of_transport(told, cause, url) from error

    def _body(self, url: str, answer: http.client.HTTPResponse, *, partial: bool = False) -> Iterator[bytes]:
        told = self._told(url)
        if answer.status != 200 and not (partial and answer.status == 206):
            raise of_status(told, answer.status, self._terms.way_in)
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            message = f"{told} sent it as Content-Encoding: {one_line(encoding, 40)}, which was not asked for: store it without"
            raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
        declared = answer.headers.get("Content-Length")
        is_chunked = answer.headers.get("Transfer-Encoding") is not None
        if declared is not None and not is_chunked and not (declared.isascii() and declared.strip().isdigit()):
            message = f"{told} answered with the Content-Length {one_line(declared, 40)!r}, no number: see what ails its server"
            raise LoadFailure(Reason.SOURCE_UNREACHABLE, message)
        got = 0
        while chunk := answer.read1(_CHUNK):
            got += len(chunk)
            self._patience.came(len(chunk))
            yield chunk
        if self._patience.verdict:
            raise self._impatient(told)
        if declared is not None and not is_chunked and got < int(declared):
            raise Interrupted(f"{told}: the connection broke off after {got} of {int(declared)} bytes")

    def _impatient(self, told: str) -> LoadFailure:
        return LoadFailure(Reason.SOURCE_UNREACHABLE, f"{told}: {self._patience.verdict}")

    def _told(self, url: str) -> str:
        return shown(url) if url == self._uri else f"{shown(self._uri)}: {shown(url)}"


def _condition(start: int, mark: Mark) -> dict[str, str]:
    """What asks for the rest, and for nothing when the bytes have changed (RFC 9110: only strong ETags compare)."""
    if not start:
        return {}
    if mark.etag and not mark.etag.startswith("W/"):
        return {"Range": f"bytes={start}-", "If-Match": mark.etag}
    return {"Range": f"bytes={start}-", **({"If-Unmodified-Since": mark.modified} if mark.modified else {})}


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
        url = readable(newurl, "the redirect")
        old, new = urlsplit(req.full_url), urlsplit(url)
        if new.scheme == "http" and old.scheme == "https":
            message = f"{shown(req.full_url)} redirects to {shown(url)}, out of TLS: name an https:// address that keeps to it"
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, message)
        redirected = super().redirect_request(req, fp, code, msg, headers, url)  # type: ignore[arg-type]
        if redirected is not None and new[:2] != old[:2]:
            for name in self._secret:
                redirected.headers.pop(name, None)
        return redirected
