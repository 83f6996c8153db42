"""Addresses as they go over the wire: quoted where they must be, and nothing that is no address."""

import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from serin_server.failures import LoadFailure, Reason
from serin_server.uris import shown

_HOST: Final = re.compile(r"[A-Za-z0-9._~-]+")
_STAY: Final = "/%:@!$&'()*+,;=~?"


def readable(uri: str, what: str = "the address") -> str:
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
