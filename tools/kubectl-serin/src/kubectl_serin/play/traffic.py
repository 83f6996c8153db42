"""Requests and labels of a made-up world: how many, and how often each version is wrong."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import Final

from kubectl_serin.problems import Problem
from serin_operator.api.spec import Analysis, AnyMetric
from serin_operator.decide.analysis import Arm, NoData, Proportions, Sample, Stratum, Value
from serin_operator.decide.looks import Look, LookResult

_MEANINGS = {
    "worse_by": "how much less often the new version is right, 0.02 = two points",
    "errors_by": "how much more often it fails a request",
    "rate": "requests a second, of all versions together",
    "labels": "share of the predictions whose true label comes back",
    "accuracy": "how often the old version is right",
    "errors": "how often the old version fails a request",
    "slow_by": "how much more often the new version is slow",
    "slow": "how often the old version is slow",
    "score_by": "how much worse the new version's mean score is, as a share of its range",
    "score": "how bad the old version's mean score is, as a share of its range",
    "ready_after": "seconds until a pod is ready",
    "seed": "of chance: the same seed tells the same story",
}


@dataclass(frozen=True)
class MadeUp:
    """A world to play a rollout in."""

    worse_by: float = 0.0
    errors_by: float = 0.0
    rate: float = 10.0
    labels: float = 1.0
    accuracy: float = 0.9
    errors: float = 0.001
    slow_by: float = 0.0
    slow: float = 0.01
    score_by: float = 0.0
    score: float = 0.3
    ready_after: float = 10.0
    seed: float = 1

    @classmethod
    def parse(cls, text: str) -> "MadeUp":
        """From ``worse-by=0.02,rate=10``.

        Raises:
            Problem: A name is not known, or a value no number or beyond what it can be.
        """
        known = {one.name.replace("_", "-"): one.name for one in fields(cls)}
        way_out = "known are " + "; ".join(f"{name}: {_MEANINGS[field]}" for name, field in known.items())
        values: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            name, _, value = part.partition("=")
            if name.strip() not in known:
                raise Problem(f"--world has no {name.strip()!r}", way_out)
            try:
                values[known[name.strip()]] = float(value)
            except ValueError:
                raise Problem(f"--world: {part.strip()} is no number", "write for example worse-by=0.02") from None
        made = cls(**values)
        if (
            not all(0 <= share <= 1 for new in (True, False) for share in (made.labels, *made.bad(new=new).values()))
            or made.rate < 0
        ):
            raise Problem("--world: a share is below 0 or above 1", way_out)
        return made

    def bad(self, *, new: bool) -> Mapping["Event", float]:
        """How often what happens to a version is bad."""
        return {
            Event.FAILED: self.errors + new * self.errors_by,
            Event.SLOW: self.slow + new * self.slow_by,
            Event.WRONG: 1 - self.accuracy + new * self.worse_by,
            Event.SCORED: self.score + new * self.score_by,
        }


class Event(Enum):
    """What is bad about an answer or about a prediction that has a label."""

    FAILED = "failed"
    SLOW = "slow"
    WRONG = "wrong"
    SCORED = "scored"
    """The coin of its score fell on the worse side."""

    @property
    def needs_label(self) -> bool:
        """Whether it is known of predictions that were labelled."""
        return self in (Event.WRONG, Event.SCORED)


PLAYED: Final[Mapping[str, Event]] = {
    "errorRate": Event.FAILED,
    "latency": Event.SLOW,
    "accuracy": Event.WRONG,
    "absoluteError": Event.WRONG,
    "score": Event.SCORED,
}
"""Kinds of metrics of which a made-up world says something, and what each counts."""


def event_of(metric: AnyMetric) -> Event | None:
    """What a metric counts; None where a made-up world says nothing of it."""
    asked = metric.asked
    return PLAYED.get(asked[0].field) if asked else None


@dataclass(frozen=True)
class Counted:
    """What one version answered within a moment."""

    at: datetime
    revision: str
    requests: int
    labels: int
    bad: Mapping[Event, int]

    def total(self, event: Event) -> int:
        """Of how many the bad ones are."""
        return self.labels if event.needs_label else self.requests


@dataclass
class Traffic:
    """Answers and labels as servers would count them."""

    world: MadeUp
    new: str
    """Revision of the new version."""
    chance: random.Random = field(init=False)
    counted: list[Counted] = field(default_factory=list)
    _owed: float = 0.0
    _coins: random.Random = field(init=False)
    """Of scores: a chance of their own, so that a seed tells the same story as before there were any."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.world.seed)
        self._coins = random.Random(f"scores {self.world.seed}")

    def flow(self, reached: Mapping[str, int], seconds: float, now: datetime) -> None:
        """Let requests fall on the pods that are reached, by chance."""
        pods = sum(reached.values())
        if not pods:
            return
        self._owed += self.world.rate * seconds
        requests, self._owed = int(self._owed), self._owed % 1
        for revision, count in sorted(reached.items()):
            share = self._drawn(requests, count / pods, self.chance)
            requests, pods = requests - share, pods - count
            labels = self._drawn(share, self.world.labels, self.chance)
            bad = {
                event: self._drawn(
                    labels if event.needs_label else share, often, self._coins if event is Event.SCORED else self.chance
                )
                for event, often in self.world.bad(new=revision == self.new).items()
            }
            self.counted.append(Counted(now, revision, share, labels, bad))

    @staticmethod
    def _drawn(of: int, probability: float, chance: random.Random) -> int:
        if probability <= 0 or probability >= 1:
            return of if probability >= 1 else 0
        return sum(chance.random() < probability for _ in range(of))

    def answer(self, look: Look, analysis: Analysis) -> LookResult:
        """What Prometheus would say of a look, of the metrics that are played."""
        events = {metric.name: event_of(metric) for metric in analysis.metrics}
        counted = {name: event for name, event in events.items() if event is not None}
        return LookResult(
            look,
            {name: self._compared(look, event) for name, event in counted.items()},
            {name: self._alone(look, event) for name, event in counted.items()} if look.before else {},
        )

    def _compared(self, look: Look, event: Event) -> Sample:
        stable, canary = (self._arm(one, event, look.start, look.end) for one in (look.stable, look.canary))
        if not stable.total or not canary.total:
            return (
                NoData("no labels" if event.needs_label else "no requests")
                if not stable.total
                else Value(Proportions(stable_alone=stable))
            )
        return Value(Proportions((Stratum(canary, stable),)))

    def _alone(self, look: Look, event: Event) -> Sample:
        if look.before is None:
            return NoData()
        stable = self._arm(look.stable, event, *look.before)
        return Value(Proportions(stable_alone=stable)) if stable.total else NoData()

    def _arm(self, revision: str, event: Event, start: datetime, end: datetime) -> Arm:
        seen = [one for one in self.counted if one.revision == revision and start < one.at <= end]
        return Arm(sum(one.bad[event] for one in seen), sum(one.total(event) for one in seen))
