"""One kind of metric, and which test of the evidence engine judges it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from serin_operator.api.base import ApiModel
from serin_operator.api.kinds.reading import PairReading, Reading, Shares
from serin_operator.api.rule import Rule

AT: Final = "spec.analysis.metrics[]"
"""Where metrics stand."""


class Mode(StrEnum):
    """What a metric that fails does."""

    GATE = "Gate"
    WARN = "Warn"


class Proof(StrEnum):
    """What a metric asks for before it passes."""

    NO_HARM = "NoHarm"
    NON_INFERIOR = "NonInferior"


class Paired(StrEnum):
    """Whether requests that both versions answered are judged."""

    AUTO = "Auto"
    REQUIRE = "Require"
    OFF = "Off"


@dataclass(frozen=True, slots=True)
class Phrase:
    """How people speak about the counts: ``5.0 % slow of 200 answers``.

    Args:
        key: Names these words for good: evidence is told apart by it.
        noun: What is counted.
        said: What the share is of.
        tells_good: The share of the good is told and not that of the bad.
        scale: The range of a number whose mean is told, as its place in it.
    """

    key: str
    noun: str
    said: str
    tells_good: bool = False
    scale: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Shares of bad events, canary against stable in the same minutes; the margin is in points."""

    max_increase: float
    phrase: Phrase


@dataclass(frozen=True, slots=True)
class Bounded:
    """Shares of the canary's events, against a number."""

    maximum: float
    phrase: Phrase


@dataclass(frozen=True, slots=True)
class MeansCompared:
    """One number a version and look; the guarantee is asymptotic in the looks."""

    max_increase: float


@dataclass(frozen=True, slots=True)
class Limited:
    """A number against fixed limits; no error rate is promised."""

    maximum: float | None
    minimum: float | None
    consecutive_failures: int


@dataclass(frozen=True, slots=True)
class Drifting:
    """Population stability index of two distributions; no error rate is promised."""

    max_psi: float
    of_inputs: bool = False


Test = Compared | Bounded | MeansCompared | Limited | Drifting


@dataclass(frozen=True)
class Kind:
    """One kind of metric.

    Args:
        field: Its field in the resource.
        spec: What people write there.
        says: What it is, for ``kubectl explain``.
        question: The question of a data scientist that it answers, for the reference.
        rests_on: What it needs, and what it does not see.
        example: The field as people write it.
        beside: Lines of the spec that the example needs beside it.
        reads: Which series it needs, and what their counts become.
        judged: The test that judges them.
        mode: What a failure does where the metric does not say.
        may_gate: Whether a version can be blamed by it at all.
        needs_clients: Whether it is made of what clients do with the predictions: copies of requests bring nothing of it.
        within: Lines of spec.analysis that the example needs.
        pairs: Where the same is counted of requests that both versions answered.
        slices: What it reads of the slices by an attribute, from what is asked and its name, where pods count by slice.
        rules: What the schema cannot say.
        usual: How often what an ordinary stable version does is bad: what is planned with before anything is known of it.
        tells_outages: Whether a version most of whose answers are so is as good as down, whoever it is compared with.
    """

    field: str
    spec: type[ApiModel]
    says: str
    question: str
    rests_on: str
    example: Mapping[str, Any]
    reads: Callable[[Any], Reading]
    judged: Callable[[Any], Test]
    mode: Mode = Mode.GATE
    may_gate: bool = True
    needs_clients: bool = False
    beside: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    pairs: PairReading | None = None
    slices: Callable[[Any, str], Shares] | None = None
    rules: tuple[Rule, ...] = ()
    usual: float | None = None
    tells_outages: bool = False

    @property
    def has_rate(self) -> bool:
        """Whether it takes a share of the false-rollback rate: what never rolls back, or promises no rate, takes none."""
        return self.can_prove

    @property
    def can_prove(self) -> bool:
        """Whether evidence can show that its margin is kept."""
        return isinstance(self.judged(self.spec.model_validate(self.example)), Compared | Bounded)
