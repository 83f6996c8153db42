"""How much the requests of one client resemble one another, in sums from which a design effect follows.

For each client i in each window of time: n requests (or labels), b of them bad. Told are the sums of 1, n, b, n², b² and nb
over clients and windows. With p = Σb / Σn the cluster-robust variance of Σb is Σ(b - pn)² = Σb² - 2pΣnb + p²Σn², and divided
by p(1 - p)Σn it is the design effect: how many times fewer independent requests these are worth (Kish, Survey Sampling, 1965).

Memory is bounded: clients are known by one of so many numbers only. Two that share a number count as one, which makes the
effect larger, never smaller.
"""

from collections.abc import Callable
from typing import Final
from zlib import crc32

WINDOW_SECONDS: Final = 30
NUMBERS: Final = 4096
SUMS: Final = ("clients", "all", "bad", "all_squared", "bad_squared", "all_times_bad")


class Client:
    """What one client did in the present window."""

    __slots__ = ("all", "bad", "number", "window")

    def __init__(self, number: int) -> None:
        self.number = number
        self.window = -1
        self.all = 0
        self.bad = 0

    def add_to(self, sums: list[int]) -> None:
        """Adds what it did, if anything, to sums over clients and windows."""
        n, b = self.all, self.bad
        if n:
            for place, value in enumerate((1, n, b, n * n, b * b, n * b)):
                sums[place] += value


class ClientSums:
    """Sums over clients and windows, up to date with every request: what a client did in the present window is added when
    somebody asks, so that counting is as cheap as can be.
    """

    __slots__ = ("_before", "_clients", "_number_of", "window")

    def __init__(self, number_of: Callable[[bytes], int] = crc32) -> None:
        self._number_of = number_of
        self._clients: dict[int, Client] = {}
        self.window = 0
        self._before = [0] * len(SUMS)
        """The sums over clients' windows that are over."""

    @property
    def sums(self) -> list[int]:
        """The sums, in the order of `SUMS`."""
        total = list(self._before)
        for client in self._clients.values():
            client.add_to(total)
        return total

    def client(self, address: bytes) -> Client:
        """Who comes from an address, or calls itself so."""
        return self.numbered(1 + self._number_of(address) % NUMBERS)

    def numbered(self, number: int) -> Client:
        """The client of a number, from 1 on."""
        client = self._clients.get(number)
        if client is None:
            client = self._clients[number] = Client(number)
        return client

    def count(self, client: Client, bad: int) -> None:
        """One more of a client's, bad (1) or not (0)."""
        if client.window != self.window:
            client.add_to(self._before)
            client.window, client.all, client.bad = self.window, 0, 0
        client.all += 1
        client.bad += bad
