"""How the pods of a model behave: declared by its URI, and to be changed at any moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ForOrdinal = Callable[[int], float]


@dataclass(frozen=True)
class Flap:
    """Readiness that comes and goes."""

    up: float
    down: float
    pods: frozenset[int] | None = None
    """Ordinals of the pods that flap; None: all of them."""
    together: bool = True
    """All at the same moments; False: each by the age of its own container."""

    def is_down(self, ordinal: int, elapsed: float, age: float) -> bool:
        """Whether the pod does not answer now; ``elapsed`` since the beginning of the story."""
        if self.pods is not None and ordinal not in self.pods:
            return False
        return (elapsed if self.together else age) % (self.up + self.down) >= self.up


@dataclass(frozen=True)
class Crash:
    """Containers that end after they have been ready."""

    after: float = 0.0
    """Seconds since it was ready."""
    exit_code: int = 137
    reason: str = "OOMKilled"
    message: str = ""
    times: int | None = None
    """How often a pod does it; None: for ever."""
    pods: frozenset[int] | None = None
    above: float | None = None
    """Only when the pod answers more than so many requests a second."""

    def is_due(self, ordinal: int, since_ready: float, load: float, crashes: int) -> bool:
        """Whether the container ends now."""
        if self.pods is not None and ordinal not in self.pods:
            return False
        enough = self.times is not None and crashes >= self.times
        return not enough and since_ready >= self.after and (self.above is None or load > self.above)


@dataclass(frozen=True)
class Waiting:
    """What keeps a container from being created, in the kubelet's words."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class CommandEnds:
    """How the user's own command of the preflight ends."""

    exit_code: int = 0
    words: str = ""
    reason: str = "Error"
    after: float = 3.0
    """Seconds after the model was resolved."""
    waiting: Waiting | None = None
    """What keeps it from being started."""


@dataclass
class Behaviour:
    """How a model behaves, by its URI."""

    report: dict[str, Any] | None = None
    """What the resolve Job says; None: a digest made from the URI."""
    resolve_after: float = 2.0
    command: CommandEnds = CommandEnds()
    ready_after: float | ForOrdinal = 3.0
    """Seconds that a container takes to load, or a function of the pod's ordinal: pods that come one by one."""
    error_rate: float = 0.0
    accuracy: float = 0.9
    differs: float = 0.02
    """Share of requests to which it gives another answer than the version that it is compared with."""
    slices: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By region: its share of the labels, and how many of those are right."""
    slow_rate: float = 0.0
    """Share of answers that take longer than a quarter of a second."""
    far_rate: float = 0.1
    """Share of a regression's predictions that are further than 10 from their label."""
    score: float = 0.6
    """Mean of a score between 0 and 1 that labels bring."""
    accepted_rate: float = 0.5
    """Share of a shop's offers that are accepted, as its own exporter tells."""
    unknown_rate: float = 0.01
    """Share of ages that the version was not trained for."""
    bins: tuple[float, ...] = (0.5, 0.3, 0.2)
    """How its predictions are distributed."""
    cpu_seconds: float = 0.01
    """For one request."""
    never_ready: bool = False
    flap: Flap | None = None
    crash: Crash | None = None
    fails_warm_up: int | ForOrdinal = 0
    """How often a container ends while it loads, before one gets ready; or that by the pod's ordinal."""
    warm_up_words: str = "the first request of the warm-up failed"
    source_away: bool = False
    """Nobody can fetch the model; containers that have loaded it serve on."""
    waiting: Waiting | None = None
    unschedulable: str | None = None
    gate: str | None = None
    """A readiness gate that nobody sets, by its condition type."""
    init_fails: str | None = None
    """Last words of an init container that ends again and again."""
    terminates_after: float = 0.0
    """Seconds that a deleted pod takes to go."""

    def ready_after_of(self, ordinal: int) -> float:
        """Seconds until the container of this pod has loaded."""
        return self.ready_after(ordinal) if callable(self.ready_after) else self.ready_after

    def warm_ups_that_fail(self, ordinal: int) -> float:
        """How often the container of this pod ends before it gets ready."""
        return self.fails_warm_up(ordinal) if callable(self.fails_warm_up) else self.fails_warm_up


def one_by_one(every: float, first: float = 3.0) -> ForOrdinal:
    """Pods that get ready one after the other."""
    return lambda ordinal: first + ordinal * every


def late_from(ordinal: int, late: float, first: float = 3.0) -> ForOrdinal:
    """The first pods are quick, those from ``ordinal`` on take ``late`` seconds."""
    return lambda number: late if number >= ordinal else first
