"""Where the source of a model may send us: a redirect must not open what only this pod can reach.

A store says where its bytes lie, and a store that is taken over, or careless, may say "inside": the cloud's metadata
service, which hands out credentials, or a neighbour's port. So a redirect may go as far inside as the address that a
person has named, and no further: from a public store to public addresses, from one within the cluster also to private
ones (registries redirect to their blob store), from this machine also to this machine. Link-local addresses and those of
metadata services are never followed. Judged is the address that is connected to, not the name that led there.
"""

import socket
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.uris import shown

_METADATA: Final = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")))
_TRANSLATED: Final = ip_network("64:ff9b::/96")
_NOWHERE: Final = ip_network("0.0.0.0/8")


class Place(IntEnum):
    """How far inside an address lies."""

    PUBLIC = 0
    PRIVATE = 1
    THIS_MACHINE = 2
    NEVER = 3


def place_of(address: str) -> Place:
    """How far inside an IP address lies. Raises `ValueError` for what is none."""
    found = _plain(ip_address(address.partition("%")[0]))
    never = found.is_link_local or found.is_unspecified or found.is_multicast or found in _METADATA or found in _NOWHERE
    if never:
        return Place.NEVER
    if found.is_loopback:
        return Place.THIS_MACHINE
    return Place.PUBLIC if found.is_global else Place.PRIVATE


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address within one of IPv6, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class Route:
    """The way of one fetch: opens its connections, the first wherever it was told to, those of redirects where they may go.

    Args:
        uri: What a person has named.
        allowed_hosts: Hosts that redirects may lead to although they lie inside.
    """

    def __init__(self, uri: str, allowed_hosts: frozenset[str]) -> None:
        self._uri = uri
        self._allowed_hosts = allowed_hosts
        self._first: tuple[str, int] | None = None
        self._reach = Place.PUBLIC

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        """A connection to a host and port. Raises `LoadFailure` when a redirect leads where it may not, or `OSError`."""
        host, port = address
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        open_to_us = [each for each in found if self._may_lead(host, port, each)]
        if not open_to_us:
            raise self._refused(host, found[0])
        errors: list[OSError] = []
        for each in open_to_us:
            try:
                connection = socket.create_connection((each, port), timeout)
            except OSError as error:
                errors.append(error)
            else:
                if self._first is None:
                    self._first, self._reach = (host, port), place_of(each)
                return connection
        raise errors[0]

    def check_named(self, host: str, port: int) -> None:
        """Judges a host that a proxy will connect to, by its name alone. Raises `LoadFailure`."""
        try:
            place_of(host)
            literal = host
        except ValueError:
            literal = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else ""
        if literal and not self._may_lead(host, port, literal):
            raise self._refused(host, literal)
        if self._first is None:
            self._first = (host, port)
            self._reach = place_of(literal) if literal else Place.PUBLIC

    def _may_lead(self, host: str, port: int, address: str) -> bool:
        if self._first in (None, (host, port)):
            return True
        place = place_of(address)
        if place is Place.NEVER:
            return False
        return place <= self._reach or host.lower() in self._allowed_hosts

    def _refused(self, host: str, address: str) -> LoadFailure:
        told = host if host == address else f"{host} ({address})"
        return LoadFailure(
            Reason.SOURCE_FORBIDDEN,
            f"{shown(self._uri)} redirects to {told}, further inside than itself: name the address where the model lies as its URI"
            + ("" if place_of(address) is Place.NEVER else f", or allow it with SERIN_SOURCE_REDIRECT_HOSTS={host}"),
        )
