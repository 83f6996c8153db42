"""Ports that a server listens on, bound before anything else, so that one that is taken ends in a sentence.

A port belongs to one server. Several processes of one server share theirs by SO_REUSEPORT, which would let any other server
of the same user in as well; `claim` keeps those out: the parent holds a name for each port in the machine's (or pod's)
network namespace, and looks whether somebody listens there already.
"""

import errno
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from serin_server.failures import LoadFailure, Reason

ANY_HOST: Final = ("::", "0.0.0.0")  # noqa: S104 (what an empty SERIN_HOST means)
BACKLOG: Final = 1024
_HOST_SETTINGS: Final = {"collector_port": "SERIN_COLLECTOR_HOST"}
_TRIES: Final = 3
_LONGEST_NAME: Final = 100
_NO_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def bound(setting: str, host: str, port: int, *, is_shared: bool = False) -> list[socket.socket]:
    """Sockets that listen on a port of every address that the host means; all get the same number when the port is 0.

    An empty host means all addresses, of IPv6 and IPv4, whichever the machine has. Raises `LoadFailure` naming the setting.
    """
    for _ in range(_TRIES if port == 0 else 0):  # what is free for one family may be taken for the other
        with suppress(LoadFailure):
            return _bound_all(setting, host, port, is_shared=is_shared)
    return _bound_all(setting, host, port, is_shared=is_shared)


def _bound_all(setting: str, host: str, port: int, *, is_shared: bool) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            try:
                sockets.append(_bound(family, address, port, is_shared=is_shared))
            except OSError as error:
                if host or error.errno not in _NO_FAMILY:
                    raise
            else:
                port = sockets[-1].getsockname()[1]
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "this machine has neither IPv6 nor IPv4")
    except OSError as error:
        for each in sockets:
            each.close()
        raise unavailable(setting, host, port, error) from error
    return sockets


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    found = []
    for each in (host.strip("[]"),) if host else ANY_HOST:
        try:
            known = socket.getaddrinfo(each, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from error
        for family, _, _, _, address in known:
            scope = f"%{address[3]}" if len(address) == 4 and address[3] else ""
            found.append((family, f"{address[0]}{scope}"))
    return list(dict.fromkeys(found))


def _bound(family: socket.AddressFamily, address: str, port: int, *, is_shared: bool) -> socket.socket:
    bound_socket = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        resolved = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0][4]
        bound_socket.bind(resolved)
        bound_socket.listen(BACKLOG)
        bound_socket.setblocking(False)
    except BaseException:
        bound_socket.close()
        raise
    return bound_socket


def claim(ports: Iterable[tuple[str, int]], host: str) -> list[socket.socket]:
    """Claims ports for all processes of this server, until the sockets that come back are closed. Raises `LoadFailure`."""
    claims = []
    for setting, port in ports:
        name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        claims.append(name)
        try:
            name.bind(f"\0serin-server/{port}/{host}"[:_LONGEST_NAME])
        except OSError as error:
            raise unavailable(setting, host, port, error) from error
        for probe in bound(setting, host, port):
            probe.close()
    return claims


def unavailable(setting: str, host: str, port: int, error: OSError) -> LoadFailure:
    """Why a server cannot listen, and what would do."""
    host_setting = _HOST_SETTINGS.get(setting, "SERIN_HOST")
    where = f"port {port}" + (f" of {host}" if host else "")
    if error.errno == errno.EADDRINUSE:
        why = f"{where} is taken by another process: end that one, or give another with SERIN_{setting.upper()}"
    elif error.errno in (errno.EACCES, errno.EPERM):
        why = f"{where} may not be used by this user: give one above 1023 with SERIN_{setting.upper()}"
    elif isinstance(error, socket.gaierror) or error.errno in _NO_FAMILY:
        why = f"{host or 'any address'} is no address of this machine ({error.strerror}): give another with {host_setting}"
    else:
        why = f"{where} cannot be listened on ({error.strerror or error})"
    return LoadFailure(Reason.ADDRESS_UNAVAILABLE, why)
