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
    if words.scale is not None:
        return f"{words.said} {level(arm.bad / arm.total, words)} of {arm.total:,} {words.noun}"
    told = arm.total - arm.bad if words.tells_good else arm.bad
    return f"{percent(told / arm.total)} {words.said} of {arm.total:,} {words.noun}"


def level(bad_rate: float, words: Words) -> str:
    """A rate of bad answers as people know it: `12.0 %`, or the mean of a number that has a range."""
    if words.scale is None:
        return percent(bad_rate)
    low, high = words.scale
    return f"{high - (high - low) * bad_rate if words.tells_good else low + (high - low) * bad_rate:.4g}"


def limit(bad_rate: float, words: Words) -> str:
    """What a rate of bad answers must not exceed: `at most 12.0 % may be bad`, or the bound of a mean."""
    if words.scale is None:
        return f"at most {percent(bad_rate)} may be bad"
    return f"at {'least' if words.tells_good else 'most'} {level(bad_rate, words)} is asked for"


def difference(share: float, words: Words) -> str:
    """A difference between two rates of bad answers: `2.00 %`, or one between two means in their own unit."""
    return percent(share) if words.scale is None else f"{share * (words.scale[1] - words.scale[0]):.4g}"


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
