"""How much worse than stable a canary may be."""

from dataclasses import dataclass

from serin_operator.decide.analysis.errors import InvalidAnalysis, require_finite, require_fraction


@dataclass(frozen=True, slots=True)
class Points:
    """The canary may be worse by this much of all answers: 0.01 is one percentage point.

    Users think so; kept exactly, whatever stable's rate is and however little it has said (`points`).
    """

    increase: float

    def __post_init__(self) -> None:
        require_fraction("margin.increase", self.increase, low=0, high=1)


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """The canary's odds of a bad answer may be this many times stable's; 1 allows nothing. The guarantee is exact.

    For rare events odds and rates agree: an odds ratio of 1.5 is "half as many errors again".
    """

    ratio: float = 1.0

    def __post_init__(self) -> None:
        require_finite("margin.ratio", self.ratio)
        if not 1 <= self.ratio <= 1000:
            raise InvalidAnalysis(
                "margin.ratio", f"{self.ratio:g} is not between 1 and 1000", "1 means no worse at all"
            )


Margin = Points | OddsRatio
NO_WORSE = OddsRatio(1.0)
"""The margin that allows nothing."""
