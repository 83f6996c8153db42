"""What Prometheus has scraped: samples of series with the moments of their scrapes, stale where a series or its target had gone."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import lru_cache

LOOKBACK_SECONDS = 300.0
"""How old the sample may be that an instant selector gives."""
Matchers = tuple[tuple[str, str, str], ...]


class Stored:
    """One series; a value of None marks that it was gone at that scrape."""

    __slots__ = ("labels", "times", "values")

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = dict(labels)
        self.times: list[float] = []
        self.values: list[float | None] = []

    def add(self, moment: float, value: float | None) -> None:
        """The sample of a scrape."""
        self.times.append(moment)
        self.values.append(value)

    def at(self, moment: float) -> tuple[float, float] | None:
        """(time, value) of the last sample that an instant selector sees."""
        place = bisect_right(self.times, moment) - 1
        if place < 0 or self.times[place] <= moment - LOOKBACK_SECONDS:
            return None
        value = self.values[place]
        return None if value is None else (self.times[place], value)

    def within(self, moment: float, window: float) -> Iterator[tuple[float, float]]:
        """(time, value) of the samples in (moment - window, moment], the last one first."""
        for place in range(bisect_right(self.times, moment) - 1, -1, -1):
            if self.times[place] <= moment - window:
                return
            if (value := self.values[place]) is not None:
                yield self.times[place], value


class Storage:
    """All series by the name of their metric."""

    def __init__(self) -> None:
        self._series: dict[str, list[Stored]] = {}
        self._found: dict[tuple[str, Matchers], tuple[int, list[Stored]]] = {}

    def new(self, name: str, labels: Mapping[str, str]) -> Stored:
        """One more series, which was never there."""
        stored = Stored({"__name__": name, **labels})
        self._series.setdefault(name, []).append(stored)
        return stored

    def select(self, name: str, matchers: Matchers) -> list[Stored]:
        """The series of a name that all matchers let pass."""
        everything = self._series.get(name, [])
        known, found = self._found.get((name, matchers), (0, []))
        if known < len(everything):
            tests = [(label, _test(operator, value)) for label, operator, value in matchers]
            new = everything[known:]
            found = [*found, *(one for one in new if all(test(one.labels.get(label, "")) for label, test in tests))]
            self._found[name, matchers] = len(everything), found
        return found


@lru_cache(maxsize=1024)
def _test(operator: str, value: str):
    if operator in {"=", "!="}:
        return (lambda told: told == value) if operator == "=" else (lambda told: told != value)
    pattern = re.compile(f"(?:{value})")
    if operator == "=~":
        return lambda told: pattern.fullmatch(told) is not None
    return lambda told: pattern.fullmatch(told) is None
