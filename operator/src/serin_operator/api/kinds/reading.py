"""What a kind of metric reads: series of Prometheus, and how the counts of one version become what is judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

REQUEST_ARM: Final = "model_revision"
"""The label that tells versions apart where the pod that counts is the one that answered."""
LABEL_ARM: Final = "predicted_revision"
"""The same for labels, which any pod may hear."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Counters of one name.

    Args:
        name: As it is exported.
        told_by: The label that tells outcomes apart and is kept; empty: there is none.
        where: More matchers, as PromQL writes them.
        arm: The label that holds the revision.
        is_bound: It is a histogram: ``told_by`` is the upper bound of a cumulative bucket, which Prometheus spells as it likes.
        is_foreign: A counter of somebody else's exporter, which tells neither its process nor its birth.
        is_level: A gauge that is the same in every process and is not subtracted.
        is_whole: It counts events; otherwise it is a sum of numbers.
        comes_late: A series comes into being with its first event or with the model, and not with the process.
        slices_by: A label by which its series are told apart afterwards, and which is kept beside.
        summed: Labels that tell its series apart as well, and over which is summed.
        against: The label that holds the revision of the other half of a pair. Then it is the canary's, against stable.
    """

    name: str
    told_by: str = ""
    where: tuple[str, ...] = ()
    arm: str = REQUEST_ARM
    is_bound: bool = False
    is_foreign: bool = False
    is_level: bool = False
    is_whole: bool = True
    comes_late: bool = False
    against: str = ""
    slices_by: str = ""
    summed: tuple[str, ...] = ()

    @property
    def series(self) -> str:
        """Name of its series."""
        return f"{self.name}_bucket" if self.is_bound else self.name


REQUESTS: Final = Counter("serin_requests_total", "error", summed=("code",))

Told = Mapping[str, float]
"""Counts of one version by outcome; bounds of buckets as ``str(float)`` writes them."""


@dataclass(frozen=True)
class Shares:
    """Bad events among all events of a version.

    Args:
        counters: What is counted.
        arm: (bad, total) of one version from its counts, counter by counter. A ``LookupError`` names what is missing.
        noun: What the events are: requests, labels.
        age: The label with the upper bound of a prediction's age, where labels come late.
        lacks: What to look at when there is nothing.
        comes: How events come at all, where nothing else is wrong.
        clients: Sums of the same events over clients, where servers keep them.
        predictions: All predictions that labels may come for, where the events are labels and servers count them.
    """

    counters: tuple[Counter, ...]
    arm: Callable[[Sequence[Told]], tuple[int, int]]
    noun: str = "requests"
    age: str | None = None
    lacks: str = ""
    comes: str = ""
    clients: Counter | None = None
    predictions: Counter | None = None


@dataclass(frozen=True)
class PairReading:
    """The same requests answered by both versions, as the canary's servers count them.

    Args:
        judged: On which of them which version was bad.
        only_canary: The outcome in which only the canary was.
        only_control: The outcome in which only stable was.
        unknown: The outcome that tells nothing, if there is one.
        age: The label with a prediction's age, over which is summed.
        agreement: Whether they gave the same answer, if that proves anything.
        answers: Of which class of the canary's answers stable answered how many, and left how many unanswered.
    """

    judged: Counter
    only_canary: str
    only_control: str
    unknown: str = ""
    age: str | None = None
    agreement: Counter | None = None
    answers: tuple[Counter, Counter] | None = None


@dataclass(frozen=True)
class Bins:
    """A distribution: counts by bin, of the canary and of what it is compared with.

    Args:
        counters: One, of which stable's counts are the reference; or two, the second the canary's own reference.
        lacks: What to look at when there is nothing.
    """

    counters: tuple[Counter, ...]
    lacks: str = ""


@dataclass(frozen=True)
class Quotient:
    """One number a version and look, from sums.

    Args:
        counters: What is summed.
        value: The number, from the sums counter by counter; None where nothing was seen.
        noun: What it is about.
    """

    counters: tuple[Counter, ...]
    value: Callable[[Sequence[Told]], float | None]
    noun: str = "requests"


@dataclass(frozen=True)
class Expression:
    """PromQL that people wrote, with placeholders."""

    promql: str


Reading = Shares | Bins | Quotient | Expression


def bucket(bound: float) -> str:
    """How the key of a bucket is written here."""
    return str(float(bound))


def spellings(bound: float) -> str:
    """A regular expression of all ways in which a bucket's bound is spelled: 1 is also 1.0, and everything is +Inf."""
    texts = dict.fromkeys((f"{bound:g}", repr(float(bound)), str(int(bound)) if bound == int(bound) else f"{bound:g}"))
    return "|".join(text.replace(".", "[.]") for text in texts) + "|[+]Inf"


def above(bound: float) -> Callable[[Sequence[Told]], tuple[int, int]]:
    """Events above a bound of a cumulative histogram, among all."""

    def arm(told: Sequence[Told]) -> tuple[int, int]:
        (buckets,) = told
        total = round(buckets.get(bucket(float("inf")), 0))
        if total and bucket(bound) not in buckets:
            raise LookupError(f"no bucket with the bound {bound:g}")
        return total - round(buckets.get(bucket(bound), 0)), total

    return arm


def quoted(value: str) -> str:
    """A string as PromQL writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
