"""A plain bound on each look's value, with a count of consecutive failures, as Argo Rollouts and Flagger judge.

**No error rate is promised.** A noisy metric crosses any threshold sooner or later: at a true accuracy of 92 %, a bound
of 90 % and 200 labels a look, one failure in a row rolls back 98 % of good canaries within 30 looks.
"""

from dataclasses import replace

from serin_operator.decide.analysis.config import Threshold
from serin_operator.decide.analysis.samples import Measurement
from serin_operator.decide.analysis.state import MetricState
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Reason, Verdict


def observe(rule: Threshold, state: MetricState, seen: Measurement) -> MetricState:
    """How many looks in a row were out of bounds, and the last value."""
    in_a_row, *_ = state.numbers or (0.0,)
    if in_a_row >= rule.consecutive_failures:
        return state
    now = in_a_row + 1 if crossed(rule, seen.value) else 0.0
    return replace(state, numbers=(now, float(seen.value)), looks=state.looks + 1)


def crossed(rule: Threshold, value: float) -> bool:
    """Whether the value lies out of bounds; on the bound is within."""
    return (rule.maximum is not None and value > rule.maximum) or (rule.minimum is not None and value < rule.minimum)


def verdict(rule: Threshold, state: MetricState) -> Verdict:
    """Of the last value that counted."""
    if not state.numbers:
        return Inconclusive(Reason.NO_DATA, "no value yet")
    in_a_row, value = state.numbers
    bounds = " and ".join(
        f"{name} {bound:g}"
        for name, bound in (("at least", rule.minimum), ("at most", rule.maximum))
        if bound is not None
    )
    said = f"{value:.6g}, wanted {bounds}"
    if in_a_row >= rule.consecutive_failures:
        return Fail(Reason.THRESHOLD_CROSSED, f"{said}; {in_a_row:.0f} looks in a row (no error rate is promised)")
    if in_a_row:
        return Inconclusive(
            Reason.ABOVE_THRESHOLD, f"{said}; {in_a_row:.0f} of {rule.consecutive_failures} looks in a row"
        )
    return Pass(Reason.WITHIN_BOUND, said)
