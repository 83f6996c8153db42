"""The sentences of verdicts: always with the numbers, never with a float's tail."""

import math

from serin_operator.decide.analysis.eprocess import MICRO
from serin_operator.decide.analysis.samples import Arm
from serin_operator.decide.analysis.words import Words


def noun(words: Words) -> str:
    """What is counted."""
    return words.noun


def share(arm: Arm, words: Words) -> str:
    """`88.1 % right of 1,240 labels`."""
    if arm.total == 0:
        return f"no {words.noun}"
    told = arm.total - arm.bad if words.tells_good else arm.bad
    return f"{percent(told / arm.total)} {words.said} of {arm.total:,} {words.noun}"


def percent(rate: float) -> str:
    """A rate with enough digits to tell rare events apart: 92.3 %, 0.52 %, 0.0031 %."""
    scaled = 100 * rate
    if scaled == 0 or scaled >= 10:
        return f"{scaled:.1f} %"
    digits = max(2, 1 - math.floor(math.log10(scaled)))
    return f"{scaled:.{min(digits, 8)}f} %"


def evidence(micronats: int, needed: int) -> str:
    """`evidence 212 of 100 needed`: e-values, since people read "100 to 1" and not natural logarithms."""
    return f"evidence {_number(micronats / MICRO)} of {_number(needed / MICRO)} needed"


def _number(log: float) -> str:
    if log > math.log(1e6):
        return f"10^{log / math.log(10):.0f}"
    value = math.exp(log)
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
