"""Shares of bad answers: canary against stable, or one version against a fixed bound."""

import math
from dataclasses import replace

from serin_operator.decide.analysis import eprocess, points, wording
from serin_operator.decide.analysis.config import Bound, Comparison, Evidence, OddsRatio, Points
from serin_operator.decide.analysis.samples import Arm, Proportions, Stratum
from serin_operator.decide.analysis.state import LOOKS_FOR_BASE_RATE, MetricState
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Reason, Verdict

DOUBT = 0.5
"""A metric does not pass while the log evidence against the canary is this share of what rolls it back: the square root,
14 where 200 are needed. Holding spends nothing of the false-rollback rate, and an equal canary's evidence falls again."""


def observe(rule: Comparison | Bound, state: MetricState, seen: Proportions, design_effect: float) -> MetricState:
    """The state after one more look."""
    if isinstance(rule, Bound):
        return _observe_alone(rule, state, seen, design_effect)
    if strata := comparable(seen):
        state = _compare(rule, state, strata, design_effect)
    stable_now = sum((one.stable for one in seen.strata), seen.stable_alone)
    if stable_now.total:
        latest = (*state.base, stable_now.bad, stable_now.total)[-2 * LOOKS_FOR_BASE_RATE :]
        state = replace(state, base=latest)
    return state


def base_rate(state: MetricState) -> Arm:
    """Stable's counts in the last eight looks: known before the look that is judged with them."""
    return Arm(sum(state.base[0::2]), sum(state.base[1::2]))


def comparable(seen: Proportions) -> tuple[Stratum, ...]:
    """Strata with answers of both arms; the others say nothing about a difference."""
    return tuple(one for one in seen.strata if one.canary.total and one.stable.total)


def _compare(rule: Comparison, state: MetricState, strata: tuple[Stratum, ...], design_effect: float) -> MetricState:
    base = base_rate(state)
    against = [_evidence(rule, base, one, eprocess.against_steps(), design_effect) for one in strata]
    for_it = [
        _evidence(rule, base, one, eprocess.for_steps(), design_effect)
        for one in strata
        if rule.evidence is Evidence.NON_INFERIOR
    ]
    canary = sum((one.canary for one in strata), Arm())
    stable = sum((one.stable for one in strata), Arm())
    return _counted(state, canary, stable, against, for_it)


def _evidence(
    rule: Comparison, base: Arm, stratum: Stratum, steps: eprocess.Steps, design_effect: float
) -> tuple[list[float], float]:
    """Log evidence of one stratum, and what it is still to be divided by."""
    if isinstance(rule.margin, OddsRatio):
        return eprocess.log_likelihood_ratios(stratum, math.log(rule.margin.ratio), steps), design_effect
    delta = rule.margin.increase
    guess = points.guessed_base(base, delta)
    return points.log_evidence(stratum, delta, guess, steps, design_effect), 1.0


def _observe_alone(rule: Bound, state: MetricState, seen: Proportions, design_effect: float) -> MetricState:
    canary = sum((one.canary for one in seen.strata), Arm())
    if not canary.total:
        return state
    ratios = eprocess.log_likelihood_ratios_of_one_sample
    against = [(ratios(canary, rule.max_bad_rate, eprocess.against_steps()), design_effect)]
    for_it = [(ratios(canary, rule.max_bad_rate, eprocess.for_steps()), design_effect)]
    return _counted(state, canary, Arm(), against, for_it if rule.evidence is Evidence.NON_INFERIOR else [])


def _counted(
    state: MetricState,
    canary: Arm,
    stable: Arm,
    against: list[tuple[list[float], float]],
    for_it: list[tuple[list[float], float]],
) -> MetricState:
    worse = eprocess.add(state.against, against, eprocess.against_steps())
    better = eprocess.add(state.for_it, for_it, eprocess.for_steps()) if for_it else state.for_it
    return replace(
        state,
        against=worse,
        for_it=better,
        worst=max(state.worst, eprocess.log_mixture(worse)),
        best=max(state.best, eprocess.log_mixture(better)),
        canary_bad=state.canary_bad + canary.bad,
        canary_total=state.canary_total + canary.total,
        stable_bad=state.stable_bad + stable.bad,
        stable_total=state.stable_total + stable.total,
        step_samples=state.step_samples + canary.total,
        looks=state.looks + 1,
    )


def failed(rule: Comparison | Bound, state: MetricState, error_rate: float) -> Fail | None:
    """Whether the evidence against the canary ever reached what its share of the error rate asks for."""
    needed = eprocess.needed(error_rate)
    if state.worst < needed and not state.failed:
        return None
    reason = Reason.WORSE_THAN_BOUND if isinstance(rule, Bound) else Reason.WORSE_THAN_STABLE
    return Fail(reason, f"{_counts(rule, state)}; {wording.evidence(state.worst, needed)}")


def standing(
    rule: Comparison | Bound,
    state: MetricState,
    seen: Proportions,
    *,
    samples_needed: int,
    false_alarm_rate: float,
    false_promotion_rate: float,
) -> Verdict:
    """Pass or Inconclusive, of a metric that has not failed, at a look that saw `seen`."""
    if missing := _nothing_to_judge(rule, state, seen):
        return missing
    counts = _counts(rule, state)
    if state.step_samples < samples_needed:
        have = f"{state.step_samples:,} of {samples_needed:,} {wording.noun(rule.words)} in this step"
        return Inconclusive(Reason.NOT_ENOUGH_SAMPLES, f"{have}; {counts}")
    leaning = eprocess.log_mixture(state.against)
    against = wording.evidence(leaning, eprocess.needed(false_alarm_rate))
    if leaning >= eprocess.needed(false_alarm_rate) * DOUBT:
        return Inconclusive(Reason.LEANS_AGAINST, f"{counts}; {against} against it: held until this is settled")
    if rule.evidence is Evidence.NO_FAIL:
        return Pass(Reason.NO_EVIDENCE_AGAINST, f"{counts}; {against} against it")
    needed = eprocess.needed(false_promotion_rate)
    shown = f"{counts}; {wording.evidence(state.best, needed)} that the margin is kept"
    if state.best >= needed:
        return Pass(Reason.NON_INFERIOR, shown)
    return Inconclusive(Reason.NOT_ENOUGH_EVIDENCE, shown)


def _nothing_to_judge(rule: Comparison | Bound, state: MetricState, seen: Proportions) -> Inconclusive | None:
    if isinstance(rule, Bound):
        if any(one.canary.total for one in seen.strata):
            return None
        return Inconclusive(Reason.NO_DATA, f"no {wording.noun(rule.words)} in this look")
    if not comparable(seen):
        return Inconclusive(
            Reason.NO_DATA,
            f"no {wording.noun(rule.words)} of canary and stable under the same conditions in this look; "
            f"so far {_counts(rule, state)}",
        )
    if isinstance(rule.margin, Points):
        rate = points.guessed_base(base_rate(state), rule.margin.increase)
        if points.is_impossible(rate, rule.margin.increase):
            return Inconclusive(
                Reason.MARGIN_IMPOSSIBLE,
                f"stable's bad answers ({wording.percent(rate)}) plus the margin ({wording.percent(rule.margin.increase)}) "
                "are 100 % or more, so no canary could fail; give a smaller margin or mend stable first",
            )
    return None


def _counts(rule: Comparison | Bound, state: MetricState) -> str:
    canary = f"canary {wording.share(state.canary, rule.words)}"
    if isinstance(rule, Bound):
        return f"{canary}, at most {wording.percent(rule.max_bad_rate)} may be bad"
    return f"{canary}, stable {wording.share(state.stable, rule.words)} in the same minutes"
