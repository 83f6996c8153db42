"""What answers over HTTP mean that are not the bytes that were asked for: a reason each, and the way out."""

import socket
import ssl
from email.message import Message
from typing import Final

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.uris import scrubbed

_FORBIDDEN: Final = (401, 403, 407)
_GONE: Final = (404, 410)
_CHANGED: Final = 412


class Interrupted(LoadFailure):
    """The source is away, or broke off: what came so far is right, and the rest may be asked for."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.SOURCE_UNREACHABLE, message)


class Refused(LoadFailure):
    """An answer with a status that is no success, with what it says of how to be let in."""

    def __init__(self, failure: LoadFailure, status: int, headers: Message) -> None:
        super().__init__(failure.reason, failure.message)
        self.status = status
        self.challenge = headers.get("WWW-Authenticate") or ""


def changed(source: str) -> LoadFailure:
    """The bytes changed while they were being fetched."""
    return LoadFailure(
        Reason.SOURCE_CHANGED,
        f"{source} changed while it was being fetched: nothing of it is used; publish new bytes under a new name",
    )


def of_status(source: str, status: int, way_in: str) -> LoadFailure:
    """What a status means that is not 200. `way_in` says how credentials are given."""
    if status in _GONE:
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{source} answered {status}: check the address of the model")
    if status in _FORBIDDEN:
        return LoadFailure(Reason.SOURCE_FORBIDDEN, f"{source} answered {status}: {way_in}")
    if status == _CHANGED:
        return changed(source)
    if status >= 500 or status in (408, 425, 429):
        return Interrupted(f"{source} answered {status}: see what ails its server")
    if 300 <= status < 400:
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{source} redirects without end ({status}): check its address")
    return LoadFailure(Reason.SOURCE_NOT_FOUND, f"{source} answered {status}, not the model: check its address")


def of_transport(source: str, error: object, uri: str) -> LoadFailure:
    """What an error of the connection means; no secret of `uri` is in it."""
    match error:
        case ssl.SSLCertVerificationError():
            return LoadFailure(
                Reason.SOURCE_FORBIDDEN,
                f"{source}: its certificate is not trusted ({error.verify_message}): give its CA (caConfigMap)",
            )
        case TimeoutError():
            return Interrupted(
                f"{source} did not answer in time: check that pods may reach it (NetworkPolicy, proxy, firewall)"
            )
        case socket.gaierror():
            return Interrupted(f"{source}: the name of its host is not known ({error})")
        case _:
            said = scrubbed(one_line(error, 200), uri)
            return Interrupted(f"{source} cannot be reached ({said or type(error).__name__})")
