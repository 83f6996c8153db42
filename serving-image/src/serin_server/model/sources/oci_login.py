"""How a registry lets somebody in: a token from where it says, for the name and password of a Docker configuration."""

import base64
import binascii
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from serin_server.failures import LoadFailure, Reason
from serin_server.model.download import Client
from serin_server.model.sources.asked import Source
from serin_server.model.sources.credentials import Credentials
from serin_server.uris import shown

_PART: Final = re.compile(r'(\w+)="([^"]*)"')
_TOKEN_SECONDS: Final = 50.0
"""Tokens live for a minute at the least (the specification of the token service)."""
_DOCKER_HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")


def login_of(source: Source, client: Client, host: str, name: str, *, is_plain: bool) -> "Login":
    """The login for one repository, nobody's as long as nothing is asked for."""
    basic = _basic(source, host)
    address = _DOCKER_HUB[-1] if host in _DOCKER_HUB else host
    repository = f"{'http' if is_plain else 'https'}://{address}/v2/{name}"
    return Login(source.uri, client, repository, basic, is_plain=is_plain)


class Login:
    """Headers that open one repository.

    Args:
        uri: As a person named it.
        client: Asks for tokens; where it may be led to hand credentials over, its route decides.
        repository: The address of the repository.
        basic: Name and password in base64; empty for nobody.
        is_plain: Whether a token may be asked for without TLS.
    """

    def __init__(self, uri: str, client: Client, repository: str, basic: str, *, is_plain: bool) -> None:
        self.repository = repository
        self._uri = uri
        self._client = client
        self._basic = basic
        self._is_plain = is_plain
        self._scheme = ""
        self._realm = ""
        self._token, self._token_at = "", 0.0

    def headers(self) -> Mapping[str, str]:
        """What is to be sent now; a token that grows old is asked for anew."""
        if self._scheme == "basic":
            return {"Authorization": f"Basic {self._basic}"}
        if self._scheme == "bearer":
            if time.monotonic() - self._token_at > _TOKEN_SECONDS:
                self._token, self._token_at = self._asked_token(), time.monotonic()
            return {"Authorization": f"Bearer {self._token}"}
        return {}

    def is_let_in(self, challenge: str) -> bool:
        """Whether there is something new to try, after the registry has said how. Raises `LoadFailure`."""
        scheme, _, rest = challenge.partition(" ")
        if self._scheme:
            return False
        if scheme.lower() == "basic" and self._basic:
            self._scheme = "basic"
            return True
        parts = dict(_PART.findall(rest))
        realm = parts.pop("realm", "")
        if scheme.lower() != "bearer" or not realm:
            return False
        if not realm.startswith("https://") and not (self._is_plain and realm.startswith("http://")):
            message = (
                f"{shown(self._uri)} sends to {shown(realm)} for a token, which is not https: no password goes there"
            )
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, message)
        asked = {name: value for name, value in parts.items() if name in ("service", "scope")}
        self._scheme, self._realm = "bearer", f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}"
        self._token_at = -_TOKEN_SECONDS - 1
        return True

    def _asked_token(self) -> str:
        headers = {"Authorization": f"Basic {self._basic}"} if self._basic else {}
        said, _ = self._client.document(self._realm, headers)
        token = (said.get("token") or said.get("access_token")) if isinstance(said, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            message = f"{shown(self._uri)}: {shown(self._realm)} gives no token: see what ails it"
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, message)
        return token


def _basic(source: Source, host: str) -> str:
    """Name and password for a registry, in base64, from the Secret of type `kubernetes.io/dockerconfigjson` or Docker's own file."""
    text = Credentials(source.credentials_dir).get(".dockerconfigjson", "config.json") or _own_configuration()
    if not text:
        return ""
    try:
        entries: dict[str, Any] = json.loads(text).get("auths") or {}
        entry: dict[str, str] = next((each for key, each in entries.items() if _host_of(key) in _names(host)), {})
        given = entry.get("auth") or _encoded(entry.get("username", ""), entry.get("password", ""))
        base64.b64decode(given, validate=True)
    except (ValueError, AttributeError, TypeError, binascii.Error):
        message = "the credentials' .dockerconfigjson is no Docker configuration: make it with kubectl create secret docker-registry"
        raise LoadFailure(Reason.SOURCE_FORBIDDEN, message) from None
    return given


def _encoded(name: str, password: str) -> str:
    return base64.b64encode(f"{name}:{password}".encode()).decode() if name else ""


def _own_configuration() -> str:
    folder = os.environ.get("DOCKER_CONFIG", "")
    file = Path(folder) / "config.json"
    return file.read_text() if folder and file.is_file() else ""


def _host_of(key: str) -> str:
    return key.partition("://")[2].partition("/")[0] if "://" in key else key.partition("/")[0]


def _names(host: str) -> tuple[str, ...]:
    return _DOCKER_HUB if host in _DOCKER_HUB else (host,)
