"""Do labels of pairs come sooner where the canary was wrong? Only its answer was seen by anybody, so its mistakes may be told first.

Pairs of one moment are labelled sooner or later. As long as that does not depend on who was right, labels of rows on which only the
canary was wrong are as old as those of rows on which only the control was (Mann and Whitney 1947, with ties). Where they are younger, more of the
others may still be to come, and the pairs that are labelled are no fair sample of those that were made. So they are judged then as if all that still
lack a label were to speak for the canary: every row of `paired` on which the versions differ as one on which only the control is wrong, every other
as one on which they are as good. That evidence is at most that of all pairs, whatever decides when a label comes, so it keeps α exactly.
"""

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from serin_operator.decide.analysis import eprocess, paired
from serin_operator.decide.analysis.samples import Arm, Pairs, Proportions
from serin_operator.decide.analysis.state import MetricState

DOUBTFUL: Final = 0.5
"""Standard deviations by which they are younger, from which on it is doubted. Asked only where a version would be blamed."""
FEW: Final = 9
"""Labels whose ages show nothing: with so few where only the control was wrong, those of all other pairs stand for them."""


def observe(state: MetricState, seen: Proportions) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Labels of pairs by age, and all pairs that labels may come for, after one more look."""
    told = [count for one in seen.pair_ages for count in (one.only_canary_bad, one.only_control_bad, one.total)]
    ages = tuple(a + b for a, b in zip_longest(state.pair_ages, told, fillvalue=0))
    if state.pairs and not state.made:  # by a release that did not count them: how many were made before is not known
        return ages, ()
    made = Arm(*state.made) + seen.differing
    return ages, (made.bad, made.total) if made.total else ()


def sooner(canary: Sequence[int], control: Sequence[int]) -> float:
    """By how many standard deviations labels come sooner where only the canary was wrong than where only the control was; 0 where nothing tells."""
    b, c = sum(canary), sum(control)
    rows = b + c
    at_each = [x + y for x, y in zip(canary, control, strict=True)]
    alike = sum(one**3 - one for one in at_each)
    if not b or not c or alike == rows**3 - rows:
        return 0.0
    younger, before = 0.0, 0
    for of_canary, of_control in zip(canary, control, strict=True):
        younger += of_control * (before + of_canary / 2)
        before += of_canary
    variance = b * c / 12 * (rows + 1 - alike / (rows * (rows - 1)))
    return (younger - b * c / 2) / math.sqrt(variance)


def is_doubted(state: MetricState) -> bool:
    """Whether labels may come sooner where the canary was wrong."""
    ages = state.pair_ages
    if sum(1 for total in ages[2::3] if total) <= 1:
        return False
    canary, control, told = ages[0::3], ages[1::3], ages[2::3]
    if sum(control) <= FEW:
        control = tuple(total - own for own, total in zip(canary, told, strict=True))
    return sooner(canary, control) > DOUBTFUL


def outstanding(state: MetricState) -> Pairs:
    """Pairs that still lack a label, if those on which the versions differ are all to speak for the canary."""
    only_canary, only_control, total = state.pairs or (0, 0, 0)
    differing, made = state.made or (0, 0)
    unlabelled = max(0, made - total)
    missing = min(
        max(0, differing - only_canary - only_control), unlabelled
    )  # both may have been wrong, each in its way
    return Pairs(0, missing, unlabelled)


def log_against(state: MetricState, delta: float) -> int:
    """Log evidence of the pairs against the canary if what still lacks a label speaks for it; none where nobody knows how much that is."""
    if not state.made or not state.pairs_against:
        return min(0, eprocess.log_mixture(state.pairs_against))
    rest = [(paired.log_against(outstanding(state), delta), 1.0)]
    return eprocess.log_mixture(eprocess.add(state.pairs_against, rest, paired.BETS))
