"""The rows of the section "Through the whole chain": run in chunks, kept in results.json, and told in RESULTS.md."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.analysis.chain.rollout import followed
from benchmarks.analysis.chain.ways import WAYS, Way
from scipy.stats import beta

EQUAL, WORSE = 300, 100
"""Rollouts."""
CHUNK = 50
PART = "chain"


@dataclass(frozen=True, eq=False)
class Row:
    """One way, with versions that are equal or with one that is worse."""

    way: Way
    is_worse: bool

    @property
    def name(self) -> str:
        """Of the row."""
        return f"chain, {self.way.name}: {'worse' if self.is_worse else 'equal'}"

    @property
    def rollouts(self) -> int:
        """How many."""
        return WORSE if self.is_worse else EQUAL

    def chunk(self, rng: np.random.Generator, size: int) -> dict:
        """Some of them, as lists."""
        ended = [followed(self.way, one, is_worse=self.is_worse) for one in rng.spawn(size)]
        return {
            "fired": [one.has_fired for one in ended],
            "seconds": [one.seconds for one in ended],
            "requests": [one.requests for one in ended],
            "said": [one.said for one in ended],
        }

    def entry(self, done: dict) -> dict:
        """What results.json keeps of it."""
        fired, number = sum(done["fired"]), len(done["fired"])
        entry = {
            "name": self.name,
            "by": self.way.by if self.is_worse else "",
            "promised": None if self.is_worse else self.way.promised,
            "rollouts": number,
            "fired": fired,
            "low": round(float(beta.ppf(0.025, fired, number - fired + 1)) if fired else 0.0, 6),
            "high": round(float(beta.ppf(0.975, fired + 1, number - fired)) if fired < number else 1.0, 6),
            "ended": dict(Counter(done["said"]).most_common()),
        }
        if not self.is_worse:
            return entry
        found = [
            (one, asked)
            for one, asked, has_fired in zip(done["seconds"], done["requests"], done["fired"], strict=True)
            if has_fired
        ]
        seconds, requests = zip(*found, strict=True) if found else ((), ())
        is_usual = 2 * fired > number
        return {
            **entry,
            "medianSeconds": round(_median(seconds, number)) if is_usual else None,
            "medianRequests": round(_median(requests, number)) if is_usual else None,
        }


def _median(found: tuple, number: int) -> float:
    """Over all rollouts: those that found nothing took longer than all others."""
    return median([*found, *[max(found)] * (number - len(found))])


ROWS = tuple(Row(way, is_worse) for way in WAYS for is_worse in (False, True))


class Book:
    """The rows that results.json has."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def names(self) -> frozenset[str]:
        """Of the rows that are there."""
        return frozenset(one["name"] for one in self._known().get(PART, []))

    def keep(self, row: Row, done: dict) -> None:
        """Put one row there, over what stood there before."""
        known = self._known()
        rows = {one["name"]: one for one in known.get(PART, [])} | {row.name: row.entry(done)}
        known[PART] = [rows[one.name] for one in ROWS if one.name in rows]
        self._path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")

    def _known(self) -> dict:
        return json.loads(self._path.read_text()) if self._path.exists() else {}


def line(row: Row, done: dict) -> str:
    """One line of progress."""
    entry = row.entry(done)
    found = f", median {entry.get('medianSeconds')} s" if row.is_worse else ""
    return (
        f"{row.name}: {entry['fired']} of {entry['rollouts']} (≤ {100 * entry['high']:.2f} %){found}; {entry['ended']}"
    )


def markdown(results: dict) -> Iterator[str]:
    """The section, where there are rows."""
    known = {one["name"]: one for one in results.get(PART, [])}
    told = [(way, known.get(Row(way, is_worse=False).name), known.get(Row(way, is_worse=True).name)) for way in WAYS]
    if not known:
        return
    yield from (
        "",
        "## Through the whole chain",
        "",
        (
            "Each row is a kind of metric as people write it, in README's rollout beside three pods of stable with 6 requests a second, of which half get a label: pods count with the server's"
            " own code, Prometheus scrapes each every 10 s at an offset of its own and misses 2 % of the scrapes, in half of the stages a pod (and a counter of"
            " somebody else) begins anew, labels come 20 s later on average to any pod (looks are a minute apart there, and half a minute else), and 2 % of the questions to the control get no answer. The operator's own"
            " queries are answered from what was scraped, and its own code opens the looks, counts and judges. Simulated are Kubernetes, clients and models."
        ),
        "",
        "| metric | equal: rolled back, warned or held | promised | holds | worse by | found | median time | median requests of the canary |",
        "|---|---|---|---|---|---|---|---|",
    )
    for way, equal, worse in told:
        yield f"| {way.name} | {_null(equal)} | {way.by} | {_found(worse)} |"


def _null(row: dict | None) -> str:
    if row is None:
        return "not run | | "
    said = f"{row['fired']} of {row['rollouts']} (≤ {100 * row['high']:.2f} %)"
    promised = row["promised"]
    if promised is None:
        return f"{said} | no rate | "
    holds = "yes" if row["high"] <= promised else "**no**" if row["low"] > promised else "not refuted"
    return f"{said} | ≤ {100 * promised:g} % | {holds}"


def _found(row: dict | None) -> str:
    if row is None:
        return "not run | | "
    found = f"{row['fired']} of {row['rollouts']}"
    if row["medianSeconds"] is None:
        return f"{found} | – | –"
    return f"{found} | {row['medianSeconds']:,} s | {row['medianRequests']:,}"
