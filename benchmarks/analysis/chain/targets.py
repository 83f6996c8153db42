"""What Prometheus scrapes of one process, and keeps."""

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from benchmarks.analysis.chain.storage import Storage, Stored

from serin_server.metrics.instruments import Counter, Histogram
from serin_server.metrics.server import Words


class Process(Protocol):
    """Tells what it counts, and how its series are called."""

    @property
    def labels(self) -> Mapping[str, str]:
        """What every series of it has, and what Prometheus adds to those of its target."""
        ...

    def tell(self, words: Words) -> None:
        """Everything that it counts."""
        ...


class Target:
    """What Prometheus scrapes of one process: every `interval` seconds from a moment of its own on.

    Args:
        of: The process.
        first: The moment of the first scrape.
        interval: Seconds between two.
        wanted: Names of the series that somebody will ask for; the others are not kept.
    """

    def __init__(self, of: Process, first: float, interval: float, wanted: frozenset[str]) -> None:
        self.of = of
        self.next = first
        self.interval = interval
        self.wanted = wanted
        self.series: dict[tuple[str, ...], Stored] = {}

    def scrape(self, storage: Storage, moment: float) -> None:
        """Keep what the process tells; series that it told before and does not any more are gone."""
        self.of.tell(Scrape(self, storage, moment))
        self._without(moment)

    def miss(self, moment: float) -> None:
        """The scrape failed, or the process is gone: all of its series are, until the next."""
        self._without(moment)

    def _without(self, moment: float) -> None:
        for one in self.series.values():
            if one.times[-1] != moment:
                one.add(moment, None)


class Scrape(Words):
    """The words of an exposition, read at once: what tests/properties/analysis/test_chain.py holds to the text itself."""

    def __init__(self, target: Target, storage: Storage, moment: float) -> None:
        super().__init__("")
        self._target, self._storage, self._moment = target, storage, moment

    def head(self, name: str, kind: str) -> None:
        """Help and type are of no use here."""

    def sample(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """One sample."""
        if name not in self._target.wanted:
            return
        key = (name, *labels.values())
        stored = self._target.series.get(key)
        if stored is None:
            stored = self._target.series[key] = self._storage.new(name, {**self._target.of.labels, **labels})
        stored.add(self._moment, float(value))

    def counter(self, name: str, counter: Counter) -> None:
        """A whole counter, if it is wanted."""
        if name in self._target.wanted:
            super().counter(name, counter)

    def by_revision(self, name: str, counters: Mapping[str, Counter]) -> None:
        """Counters by revision, if they are wanted."""
        if name in self._target.wanted:
            super().by_revision(name, counters)

    def buckets(self, name: str, histogram: Histogram, about: Mapping[str, str]) -> None:
        """A histogram, if its buckets are wanted."""
        if f"{name}_bucket" in self._target.wanted:
            super().buckets(name, histogram, about)


def names_in(queries: Iterable[str]) -> frozenset[str]:
    """Names of the series that queries ask for."""
    return frozenset(name for query in queries for name in re.findall(r"([a-zA-Z_:][\w:]*)\{", query))
