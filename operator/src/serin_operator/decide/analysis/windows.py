"""Which counts may be compared: nothing that spans a change of the canary's weight.

Within a constant weight each answer falls on an arm by the same chance, whatever its fate. Across a change it does not:
stable's answers are older, and a base rate that drifts is no longer shared. With delays of labels that depend on the
outcome, strata by arrival alone roll back every equal canary, coarse age buckets 13–82 %; dropping every cell whose
predictions may come from more than one weight, none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.analysis.samples import Arm, Proportions, Stratum


@dataclass(frozen=True, slots=True)
class Look:
    """The interval (since, until] of one look, in unix seconds."""

    since: float
    until: float

    def __post_init__(self) -> None:
        if not self.since < self.until:
            raise InvalidAnalysis("since", f"{self.since!r} is not before until {self.until!r}", "give since < until")


@dataclass(frozen=True, slots=True)
class Cell:
    """Feedback of one look whose predictions were between `youngest` and `oldest` seconds old when it came.

    `oldest` is infinite for the last bucket, which so is always dropped.
    """

    youngest: float
    oldest: float
    counts: Stratum


def spans_weight_change(
    since: float, until: float, weight_changes: Iterable[float], settle_seconds: float = 0.0
) -> bool:
    """Whether traffic between the two times was split by more than one weight.

    A change at time c takes until c + `settle_seconds` to reach every connection. The first traffic of the canary is a
    weight change too.
    """
    return any(since < change + settle_seconds and change < until for change in weight_changes)


def look_counts(
    look: Look, counts: Stratum, weight_changes: Sequence[float], settle_seconds: float = 0.0
) -> Proportions:
    """Errors or slow answers of a look. One that spans a weight change is compared with nothing."""
    if spans_weight_change(look.since, look.until, weight_changes, settle_seconds):
        return Proportions()
    return Proportions((counts,))


def labelled_counts(
    look: Look,
    cells: Iterable[Cell],
    first_traffic: float,
    weight_changes: Sequence[float],
    settle_seconds: float = 0.0,
) -> tuple[Proportions, int]:
    """Feedback of a look by age, and how many answers were dropped with their cells.

    The predictions of a cell were made in [since − oldest, until − youngest]. It is dropped when that begins before the
    canary's first traffic or holds a weight change. From dropped cells stable's counts still tell the base rate.
    """
    kept: list[Stratum] = []
    dropped = 0
    alone = Arm()
    for cell in cells:
        begin, end = look.since - cell.oldest, look.until - cell.youngest
        if begin < first_traffic or spans_weight_change(begin, end, weight_changes, settle_seconds):
            dropped += cell.counts.canary.total + cell.counts.stable.total
            alone += cell.counts.stable
        else:
            kept.append(cell.counts)
    return Proportions(tuple(kept), alone), dropped
