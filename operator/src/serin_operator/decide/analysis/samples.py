"""What one look saw of one metric: a value, nothing, or a question that failed.

The three are different types because they have different rights: only a `Value` moves evidence, and neither `NoData`
nor `QueryFailed` can ever make a metric pass.
"""

from dataclasses import dataclass

from serin_operator.decide.analysis.errors import InvalidAnalysis, require_count, require_design_effect, require_finite


@dataclass(frozen=True, slots=True)
class Arm:
    """Exact counts of one version in one stratum: `bad` answers out of `total`. Whole numbers, never rates."""

    bad: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        require_count("bad", self.bad)
        require_count("total", self.total)
        if self.bad > self.total:
            raise InvalidAnalysis(
                "bad", f"{self.bad} bad answers of only {self.total}", "take both counts from one query at one time"
            )

    def __add__(self, other: "Arm") -> "Arm":
        return Arm(self.bad + other.bad, self.total + other.total)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Canary and stable under the same conditions: the same look, and for late labels the same age of prediction."""

    canary: Arm
    stable: Arm


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same requests, answered by the canary and by its control: on how many was only one of them wrong."""

    only_canary_bad: int = 0
    only_control_bad: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        for name in ("only_canary_bad", "only_control_bad", "total"):
            require_count(name, getattr(self, name))
        if self.only_canary_bad + self.only_control_bad > self.total:
            raise InvalidAnalysis(
                "total",
                f"{self.only_canary_bad} and {self.only_control_bad} discordant pairs of only {self.total}",
                "take all three counts from one query at one time",
            )

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(
            self.only_canary_bad + other.only_canary_bad,
            self.only_control_bad + other.only_control_bad,
            self.total + other.total,
        )


@dataclass(frozen=True, slots=True)
class Proportions:
    """Counts of one look: one stratum for errors or slow answers, one per age bucket for labels that arrive late.

    `stable_alone` are answers of stable that have no canary to be compared with (before the canary has traffic, or in a
    dropped cell). They move no evidence; they tell a margin in points what the base rate is.

    `pairs` are labelled (or failed) pairs of this look, `differing` those pairs on which the two versions gave different
    answers, of all pairs, labelled or not. `unlabelled` holds predictions without a label, of all;
    `unanswered` requests that the control
    left unanswered, of those that the canary answered with one class, fixed beforehand, against all others: one stratum.
    `pair_ages` are the pairs by age of the prediction, the youngest first, where labels come late.
    """

    strata: tuple[Stratum, ...] = ()
    stable_alone: Arm = Arm()
    pairs: Pairs = Pairs()
    differing: Arm = Arm()
    unlabelled: tuple[Stratum, ...] = ()
    unanswered: tuple[Stratum, ...] = ()
    pair_ages: tuple[Pairs, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Means of canary and of stable over one look, of something that has no bound (revenue a request, say)."""

    canary: float
    stable: float

    def __post_init__(self) -> None:
        require_finite("canary", self.canary)
        require_finite("stable", self.stable)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A single number for a plain threshold."""

    value: float

    def __post_init__(self) -> None:
        require_finite("value", self.value)


@dataclass(frozen=True, slots=True)
class Histograms:
    """Counts by bin of one look; `canary` against `reference` (stable on the same traffic, or a training baseline)."""

    canary: tuple[int, ...]
    reference: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, bins in (("canary", self.canary), ("reference", self.reference)):
            for number, count in enumerate(bins):
                require_count(f"{name}[{number}]", count)
        if len(self.canary) != len(self.reference) or len(self.canary) < 2:
            raise InvalidAnalysis(
                "canary", f"{len(self.canary)} bins against {len(self.reference)}", "give both at least two equal bins"
            )


Observation = Proportions | Difference | Measurement | Histograms


@dataclass(frozen=True, slots=True)
class Value:
    """The look saw something.

    `design_effect` ≥ 1 says how much less than its counts it is worth (see `clusters`, `clients`); `between_pods` ≥ 0 by how much the
    arms' log odds may differ because their pods do (see `pods`);
    `together` ≥ 1 says how many labels of one client come, or do not come, together at most; `starting` ≥ 0 which share of the canary's
    answers may be bad because its pods are new, before anything speaks against the version; `apart` ≥ 0 how far the log odds of one more of
    stable's pods may lie from stable's, so that nobody is blamed for it.
    """

    observed: Observation
    design_effect: float = 1.0
    between_pods: float = 0.0
    together: float = 1.0
    starting: float = 0.0
    apart: float = 0.0

    def __post_init__(self) -> None:
        require_design_effect(self.design_effect)
        require_design_effect(self.together)
        if not 0 <= self.starting < 1:
            raise InvalidAnalysis("starting", f"{self.starting!r} is no share", "give 0 where pods are not new")
        for name, log_odds in (("between_pods", self.between_pods), ("apart", self.apart)):
            require_finite(name, log_odds)
            if log_odds < 0:
                raise InvalidAnalysis(name, f"{log_odds:g} is negative", "0 means that pods do not differ")


@dataclass(frozen=True, slots=True)
class NoData:
    """The query worked and there was nothing: no traffic, no labels, a gap in the scrapes."""

    why: str = "no samples in this look"


@dataclass(frozen=True, slots=True)
class QueryFailed:
    """Nobody knows: the query failed, timed out or came back partial."""

    why: str = "the query failed"


Sample = Value | NoData | QueryFailed
