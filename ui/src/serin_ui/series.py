"""Prometheus, asked for series of models that the person may see."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from kubectl_serin.kubectl import Kubectl
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.prometheus import TIMEOUT_SECONDS, Prometheus


class _Stays(HTTPRedirectHandler):
    """Follows nobody: the token is for one address."""

    def redirect_request(self, *_: object) -> None:
        """None: the redirect is an error."""


_OPENER = build_opener(_Stays)


@dataclass(frozen=True)
class Credentials:
    """What Prometheus asks for; files are read again for every query, because mounted Secrets rotate."""

    token_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """More headers, such as the tenant of Mimir; nothing secret."""
    password: str = field(default="", repr=False)
    """Where it stands in the address, and no file has it."""

    def spoken(self) -> dict[str, str]:
        """The headers of a query. Raises `Problem` where a file holds what no header can."""
        if self.token_file is not None:
            token = _line_of(self.token_file, "token")
            if not token.isascii():
                raise _unspeakable(self.token_file, "token")
            return {**self.headers, "Authorization": f"Bearer {token}"}
        if self.username:
            password = _line_of(self.password_file, "password") if self.password_file is not None else self.password
            pair = base64.b64encode(f"{self.username}:{password}".encode()).decode()
            return {**self.headers, "Authorization": f"Basic {pair}"}
        return dict(self.headers)


def _line_of(file: Path, what: str) -> str:
    """What a file says, without what stands around it; the error names the file and nothing of what is in it."""
    try:
        said = file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        said = "\n"
    if not said.isprintable():
        raise _unspeakable(file, what)
    return said


def _unspeakable(file: Path, what: str) -> Problem:
    says = f"the {what} of Prometheus in {file} cannot be sent: write the {what} alone there, in one line of printable characters"
    return Problem(says, "renew the Secret that is mounted there", Exit.UNREACHABLE)


@dataclass(frozen=True)
class OwnPrometheus(Prometheus):
    """By its address, with credentials of this process's own."""

    credentials: Credentials = field(default_factory=Credentials)

    def _get(self, path: str) -> str:
        known, opener = self.credentials, _OPENER
        request = Request(self.where + path, headers=known.spoken())  # noqa: S310 - the settings take http and https alone
        if known.ca_file is not None:
            context = ssl.create_default_context(cafile=str(known.ca_file))
            opener = build_opener(_Stays, HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return str(answer.read().decode())
        except HTTPException as error:
            raise OSError(type(error).__name__) from error


def prometheus_at(address: str, credentials: Credentials) -> OwnPrometheus | None:
    """Where queries go; None without an address. What stands before an @ in it is shown to nobody."""
    if not address:
        return None
    parts = urlsplit(address)
    who, at, host = parts.netloc.rpartition("@")
    if at and credentials.token_file is None and not credentials.username:
        name, _, password = who.partition(":")
        credentials = replace(credentials, username=unquote(name), password=unquote(password))
    return OwnPrometheus(Kubectl(), parts._replace(netloc=host).geturl(), credentials)
