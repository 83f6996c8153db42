"""What to judge and how sure to be: metrics, their rules, and the error rates that they share."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from serin_operator.decide.analysis.errors import InvalidAnalysis, require_finite, require_fraction
from serin_operator.decide.analysis.margins import NO_WORSE, Margin, OddsRatio, Points
from serin_operator.decide.analysis.words import Words


class Evidence(StrEnum):
    """What a pass needs beside enough samples."""

    NO_FAIL = "NoFail"  # nothing speaks against the canary
    NON_INFERIOR = "NonInferior"  # the evidence says that the margin is kept


class Paired(StrEnum):
    """Whether requests that both versions answered count beside, or instead of, those that one of them answered."""

    OFF = "Off"
    AUTO = "Auto"  # both kinds share the metric's rates
    REQUIRE = "Require"  # pairs alone


@dataclass(frozen=True, slots=True)
class Comparison:
    """Share of bad answers, canary against stable in the same minutes (see `eprocess` and `points`), or in pairs (`paired`).

    A margin given as a ratio of odds says nothing about pairs: they need one in points, or none.
    """

    margin: Margin = NO_WORSE
    evidence: Evidence = Evidence.NO_FAIL
    words: Words = Words.ERRORS
    paired: Paired = Paired.OFF

    def __post_init__(self) -> None:
        if self.paired is not Paired.OFF and isinstance(self.margin, OddsRatio) and self.margin.ratio != 1:
            raise InvalidAnalysis(
                "margin.ratio", "cannot be kept by pairs", "give the margin in points, or judge without pairs"
            )

    @property
    def points(self) -> float:
        """The margin in points; 0 for one that allows nothing."""
        return self.margin.increase if isinstance(self.margin, Points) else 0.0


def error_rate(max_increase: float = 0.005, evidence: Evidence = Evidence.NO_FAIL) -> Comparison:
    """The rule of `errorRate: {maxIncrease}`: share of failed requests, in points."""
    return Comparison(Points(max_increase), evidence, Words.ERRORS)


def accuracy(
    max_decrease: float = 0.01, evidence: Evidence = Evidence.NO_FAIL, paired: Paired = Paired.OFF
) -> Comparison:
    """The rule of `accuracy: {maxDecrease, paired}`: share of wrong predictions among labelled ones, in points."""
    return Comparison(Points(max_decrease), evidence, Words.ACCURACY, paired)


def latency(max_increase: float = 0.01, evidence: Evidence = Evidence.NO_FAIL) -> Comparison:
    """The rule of `latency: {slowerThanSeconds, maxIncrease}`: share of answers slower than the bound, in points."""
    return Comparison(Points(max_increase), evidence, Words.SLOW)


@dataclass(frozen=True, slots=True)
class Bound:
    """Share of bad answers against a fixed rate, where there is no stable: first revision, guard after promotion."""

    max_bad_rate: float
    evidence: Evidence = Evidence.NO_FAIL
    words: Words = Words.ACCURACY

    def __post_init__(self) -> None:
        require_fraction("max_bad_rate", self.max_bad_rate, low=0, high=1)


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """Means without a bound, canary minus stable within each look. The guarantee is asymptotic in the looks."""

    max_increase: float = 0.0
    max_decrease: float | None = None  # give this instead when lower is worse
    least_looks: int = 20

    def __post_init__(self) -> None:
        require_finite("max_increase", self.max_increase)
        if self.max_decrease is not None:
            require_finite("max_decrease", self.max_decrease)
        if self.max_increase < 0 or (self.max_decrease or 0) < 0:
            raise InvalidAnalysis("max_increase", "is negative", "give the size of the change that is still acceptable")
        if self.least_looks < 10:
            raise InvalidAnalysis(
                "least_looks", f"{self.least_looks} is below 10", "the variance has to be learnt first"
            )


@dataclass(frozen=True, slots=True)
class Threshold:
    """A plain bound on each look, as Argo Rollouts and Flagger have it. No error rate is promised, ever."""

    maximum: float | None = None
    minimum: float | None = None
    consecutive_failures: int = 3

    def __post_init__(self) -> None:
        if self.maximum is None and self.minimum is None:
            raise InvalidAnalysis("maximum", "neither maximum nor minimum is given", "give at least one")
        for name, bound in (("maximum", self.maximum), ("minimum", self.minimum)):
            if bound is not None:
                require_finite(name, bound)
        if type(self.consecutive_failures) is not int or self.consecutive_failures < 1:
            raise InvalidAnalysis(
                "consecutive_failures", f"{self.consecutive_failures!r} is below 1", "1 means the first bad look fails"
            )


@dataclass(frozen=True, slots=True)
class Drift:
    """Population stability index between two histograms. No error rate is promised over many looks."""

    max_psi: float = 0.2
    of_inputs: bool = False  # both arms see the same inputs, so a drift of theirs can only warn

    def __post_init__(self) -> None:
        require_finite("max_psi", self.max_psi)
        if self.max_psi <= 0:
            raise InvalidAnalysis("max_psi", f"{self.max_psi:g} is not positive", "0.1 is little, 0.25 is much")


Rule = Comparison | Bound | MeanDifference | Threshold | Drift


class Role(StrEnum):
    """What a failed metric does."""

    GATE = "Gate"  # rolls the canary back, and must pass before a step ends
    WARNING = "Warning"  # is told, and holds nothing up


@dataclass(frozen=True, slots=True)
class Metric:
    """One question about the canary, by name, perhaps asked for several slices of the traffic."""

    name: str
    rule: Rule
    role: Role = Role.GATE
    weight: float = 1.0  # of the false-rollback rate that the gates share
    min_samples: int | None = None  # canary samples a step; the analysis' own when absent
    slices: tuple[str, ...] = ()
    share: float | None = None  # of the false-rollback rate, as a probability; a part of the rest by weight when absent
    part: float = 1.0  # of weight or share, where several of these are questions of one metric
    slice_of: str = ""  # the one before it that asks the same of all traffic: a look without its events revokes nothing
    because: str = ""  # why it needs so many samples, told beside them

    def __post_init__(self) -> None:
        where = f"metrics[{self.name}]"
        if not self.name:
            raise InvalidAnalysis("metrics[].name", "is empty", "name the metric")
        require_finite(f"{where}.weight", self.weight)
        if self.weight <= 0:
            raise InvalidAnalysis(
                f"{where}.weight", f"{self.weight:g} is not positive", "use role Warning to take no share"
            )
        require_fraction(f"{where}.part", self.part, low=0, high=1 + 1e-9)
        if self.share is not None:
            require_fraction(f"{where}.share", self.share, low=0, high=0.5)
        if self.min_samples is not None and (type(self.min_samples) is not int or self.min_samples < 1):
            raise InvalidAnalysis(f"{where}.min_samples", f"{self.min_samples!r} is below 1", "give at least 1")
        if len(set(self.slices)) != len(self.slices):
            raise InvalidAnalysis(f"{where}.slices", "names a slice twice", "name each once")
        if isinstance(self.rule, Drift) and self.rule.of_inputs and self.role is Role.GATE:
            raise InvalidAnalysis(
                f"{where}.role", "input drift cannot blame the canary: stable sees the same inputs", "use role Warning"
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """The names under which samples, states and verdicts of this metric stand: `name`, or `name/slice` each."""
        return tuple(f"{self.name}/{one}" for one in self.slices) or (self.name,)


def fingerprint(rule: Rule) -> str:
    """Eight hex digits that change when the rule does: evidence gathered under another rule is not evidence."""
    said = asdict(rule)
    if isinstance(rule, Comparison | Bound):
        said["words"] = rule.words.key
    if said.get("paired") == Paired.OFF:  # as it was written before there were pairs
        del said["paired"]
    written = json.dumps([type(rule).__name__, said], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class AnalysisConfig:
    """The whole analysis of a rollout.

    `false_rollback_rate` bounds the chance that a canary within its margins is ever rolled back by the gates that
    carry a guarantee (Comparison and Bound), all of them and all their slices together, however often they look.
    `false_promotion_rate` does the same for each metric that must show non-inferiority.
    """

    metrics: tuple[Metric, ...]
    false_rollback_rate: float = 0.01
    false_promotion_rate: float = 0.05
    min_samples: int = 100
    _shares: dict[str, float] = field(init=False, repr=False, compare=False, default_factory=dict)
    _fingerprints: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        require_fraction("false_rollback_rate", self.false_rollback_rate, low=0, high=0.5)
        require_fraction("false_promotion_rate", self.false_promotion_rate, low=0, high=0.5)
        if type(self.min_samples) is not int or self.min_samples < 1:
            raise InvalidAnalysis("min_samples", f"{self.min_samples!r} is below 1", "give at least 1")
        names = [metric.name for metric in self.metrics]
        for name in names:
            if names.count(name) > 1:
                raise InvalidAnalysis(f"metrics[{name}]", "is there twice", "give each metric a name of its own")
        self._shares.update(_shares_of(self.metrics, self.false_rollback_rate))

    def false_alarm_share(self, key: str) -> float:
        """What one metric, or one slice of it, may spend of the false-rollback rate."""
        return self._shares[key]

    def fingerprint_of(self, metric: Metric) -> str:
        """`fingerprint` of a metric's rule, worked out once, when it is asked for."""
        if metric.name not in self._fingerprints:
            self._fingerprints[metric.name] = fingerprint(metric.rule)
        return self._fingerprints[metric.name]

    def samples_needed(self, metric: Metric) -> int:
        """Canary samples that a step needs from this metric before it can pass."""
        return metric.min_samples if metric.min_samples is not None else self.min_samples


def _shares_of(metrics: tuple[Metric, ...], rate: float) -> dict[str, float]:
    """Bonferroni, by shares and by weight: the union bound needs no assumption about how metrics hang together.

    Only gates that can roll back at a promised rate share, so means do not; a warning rolls nothing back, so each of its slices has its part of the full rate for itself.
    """
    sharing = [m for m in metrics if m.role is Role.GATE and not isinstance(m.rule, Threshold | Drift | MeanDifference)]
    told = math.fsum(m.share * m.part for m in sharing if m.share is not None)
    if told > rate * (1 + 1e-9):
        raise InvalidAnalysis(
            "metrics[].share",
            f"the shares are {told:g} together, more than the false-rollback rate of {rate:g}",
            "give less, or raise the rate",
        )
    weights = math.fsum(m.weight * m.part for m in sharing if m.share is None)
    rest = max(0.0, rate - told)
    if weights and rest <= rate * 1e-9:
        name = next(m.name for m in sharing if m.share is None)
        raise InvalidAnalysis(
            f"metrics[{name}].share", "the other metrics' shares leave it nothing", "give them less, or raise the rate"
        )
    shares = {}
    for metric in metrics:
        part = rate * metric.part
        if metric in sharing:
            part = rest * metric.weight * metric.part / weights if metric.share is None else metric.share * metric.part
        shares.update(dict.fromkeys(metric.keys, part / len(metric.keys)))
    return shares
