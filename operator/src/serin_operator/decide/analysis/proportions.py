"""Shares of bad answers: canary against stable, in pairs and in strata, or one version against a fixed bound.

What a look adds to the evidence; `standing` says what it amounts to.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from serin_operator.decide.analysis import eprocess, paired, pods, points, selection, timing
from serin_operator.decide.analysis.config import Bound, Comparison, Evidence, Paired
from serin_operator.decide.analysis.margins import OddsRatio
from serin_operator.decide.analysis.samples import Arm, Pairs, Proportions, Stratum, Value
from serin_operator.decide.analysis.state import LOOKS_FOR_BASE_RATE, MetricState

PAIRS_AGAINST: Final = 0.7
"""Weight of pairs in the evidence against a canary; its unpaired labels have the rest. Fixed before anything is seen."""
AGREEMENT: Final = 0.5
"""Weight of agreement in the evidence that the margin is kept."""
PAIRS_FOR_IT: Final = 0.3
"""Weight of pairs in it; unpaired labels have the rest."""


def observe(rule: Comparison | Bound, state: MetricState, seen: Proportions, value: Value) -> MetricState:
    """The state after one more look; `value` is what `seen` came in, and says what its counts are worth."""
    design_effect = value.design_effect
    if isinstance(rule, Bound):
        return _observe_alone(rule, state, seen, design_effect)
    strata = comparable(seen) if rule.paired is not Paired.REQUIRE else ()
    samples = sum(one.canary.total for one in strata)
    if strata:
        state = _compared(rule, state, strata, value)
    if rule.paired is not Paired.OFF:
        state = _paired(rule, state, seen)
        alike = seen.differing.total if rule.evidence is Evidence.NON_INFERIOR else 0
        samples = max(samples, seen.pairs.total, alike)
    if seen.unlabelled or seen.unanswered:
        state = replace(
            state,
            labels_differ=selection.observe(state.labels_differ, seen.unlabelled, value.together),
            labels_excess=selection.excess(state.labels_excess, seen.unlabelled, value.together),
            control_differs=selection.observe(state.control_differs, seen.unanswered, design_effect),
        )
    stable_now = sum((one.stable for one in seen.strata), seen.stable_alone)
    if stable_now.total:
        latest = (*state.base, stable_now.bad, stable_now.total)[-2 * LOOKS_FOR_BASE_RATE :]
        state = replace(state, base=latest)
    return _weighed(rule, state, samples) if samples else state


def base_rate(state: MetricState) -> Arm:
    """Stable's counts in the last eight looks: known before the look that is judged with them."""
    return Arm(sum(state.base[0::2]), sum(state.base[1::2]))


def comparable(seen: Proportions) -> tuple[Stratum, ...]:
    """Strata with answers of both arms; the others say nothing about a difference."""
    return tuple(one for one in seen.strata if one.canary.total and one.stable.total)


def log_against(rule: Comparison | Bound, state: MetricState) -> int:
    """Log evidence against the canary, of pairs and strata together."""
    return _log_against(rule, state, eprocess.log_mixture(state.pairs_against))


def log_believed(rule: Comparison | Bound, state: MetricState) -> int:
    """The same without what a pod that differs, or labels that come sooner for the canary's mistakes, may explain."""
    if isinstance(rule, Bound):
        return log_against(rule, state)
    if pods.may_explain(state):
        return 0
    if rule.paired is Paired.OFF or not timing.is_doubted(state):
        return log_against(rule, state)
    return _log_against(rule, state, timing.log_against(state, rule.points))


def _log_against(rule: Comparison | Bound, state: MetricState, pairs: int) -> int:
    strata = eprocess.log_mixture(state.against)
    if isinstance(rule, Bound) or rule.paired is Paired.OFF:
        return strata
    if rule.paired is Paired.REQUIRE:
        return pairs
    return eprocess.log_weighted([(PAIRS_AGAINST, pairs), (1 - PAIRS_AGAINST, strata)])


def log_stumbled(rule: Comparison | Bound, state: MetricState, value: Value) -> int:
    """Log evidence against the canary of one look alone in which new pods may stumble, if they might not; 0 in any other look."""
    strata = comparable(value.observed) if isinstance(value.observed, Proportions) else ()
    if not value.starting or not strata or isinstance(rule, Bound) or rule.paired is Paired.REQUIRE:
        return 0
    base, strict = base_rate(state), replace(value, starting=0.0)
    look = [_evidence(rule, base, one, eprocess.against_steps(), strict) for one in strata]
    return eprocess.log_mixture(eprocess.add((), look, eprocess.against_steps()))


def log_for_it(rule: Comparison | Bound, state: MetricState) -> int:
    """Log evidence that the margin is kept, of agreement, pairs and strata together."""
    strata = eprocess.log_mixture(state.for_it)
    if isinstance(rule, Bound) or rule.paired is Paired.OFF:
        return strata
    parts = [(AGREEMENT, eprocess.log_mixture(state.alike)), (PAIRS_FOR_IT, eprocess.log_mixture(state.pairs_for_it))]
    return eprocess.log_weighted([*parts, (1 - AGREEMENT - PAIRS_FOR_IT, strata)])


def _weighed(rule: Comparison | Bound, state: MetricState, samples: int) -> MetricState:
    """After the evidence of a look: the highest that it ever was, since Ville's inequality speaks of ever, and that the version alone explains."""
    return replace(
        state,
        worst=max(state.worst, log_believed(rule, state)),
        best=max(state.best, log_for_it(rule, state)),
        step_samples=state.step_samples + samples,
        looks=state.looks + 1,
    )


def _compared(rule: Comparison, state: MetricState, strata: tuple[Stratum, ...], value: Value) -> MetricState:
    base = base_rate(state)
    against = [_evidence(rule, base, one, eprocess.against_steps(), value) for one in strata]
    for_it = [
        _evidence(rule, base, one, eprocess.for_steps(), value)
        for one in strata
        if rule.evidence is Evidence.NON_INFERIOR
    ]
    canary = sum((one.canary for one in strata), Arm())
    stable = sum((one.stable for one in strata), Arm())
    latest = (canary.bad, canary.total, stable.bad, stable.total) if value.apart else ()
    state = replace(state, apart=round(value.apart, 6), latest=latest)
    return _counted(state, canary, stable, against, for_it)


def _evidence(
    rule: Comparison, base: Arm, stratum: Stratum, steps: eprocess.Steps, value: Value
) -> tuple[list[float], float]:
    """Log evidence of one stratum, and what it is still to be divided by. Pods that differ move the margin away, new ones against a version."""
    moved = math.copysign(value.between_pods, steps[0])
    if isinstance(rule.margin, OddsRatio):
        at_margin = math.log(rule.margin.ratio) + moved
        return eprocess.log_likelihood_ratios(stratum, at_margin, steps), value.design_effect
    delta = rule.margin.increase
    guess = points.guessed_base(base, delta)
    starting = value.starting if steps[0] > 0 else 0.0  # no proof that the margin is kept rests on it
    at_stake = points.STARTING if starting else points.AT_STAKE
    moved_delta = points.widened(delta + starting, guess, moved)
    return points.log_evidence(stratum, moved_delta, guess, steps, value.design_effect, at_stake=at_stake), 1.0


def _paired(rule: Comparison, state: MetricState, seen: Proportions) -> MetricState:
    """Pairs need no strata and no design effect: each row is its own comparison."""
    is_for_it = rule.evidence is Evidence.NON_INFERIOR
    if seen.pair_ages or seen.differing.total:
        ages, made = timing.observe(state, seen)
        state = replace(state, pair_ages=ages, made=made)
    if seen.pairs.total:
        known, for_it = Pairs(*state.pairs) + seen.pairs, state.pairs_for_it
        state = replace(
            state,
            pairs=(known.only_canary_bad, known.only_control_bad, known.total),
            pairs_against=_bets(state.pairs_against, paired.log_against(seen.pairs, rule.points)),
            pairs_for_it=_bets(for_it, paired.log_for_it(seen.pairs, rule.points)) if is_for_it else for_it,
        )
    if is_for_it and seen.differing.total:
        differing = Arm(*state.differing) + seen.differing
        alike = [(paired.log_alike(seen.differing, rule.points), 1.0)]
        state = replace(
            state,
            differing=(differing.bad, differing.total),
            alike=eprocess.add(state.alike, alike, eprocess.for_steps()),
        )
    return state


def _bets(before: Sequence[int], look: list[float]) -> tuple[int, ...]:
    return eprocess.add(before, [(look, 1.0)], paired.BETS)


def _observe_alone(rule: Bound, state: MetricState, seen: Proportions, design_effect: float) -> MetricState:
    canary = sum((one.canary for one in seen.strata), Arm())
    if not canary.total:
        return state
    ratios = eprocess.log_likelihood_ratios_of_one_sample
    against = [(ratios(canary, rule.max_bad_rate, eprocess.against_steps()), design_effect)]
    for_it = [(ratios(canary, rule.max_bad_rate, eprocess.for_steps()), design_effect)]
    state = _counted(state, canary, Arm(), against, for_it if rule.evidence is Evidence.NON_INFERIOR else [])
    return _weighed(rule, state, canary.total)


def _counted(
    state: MetricState,
    canary: Arm,
    stable: Arm,
    against: list[tuple[list[float], float]],
    for_it: list[tuple[list[float], float]],
) -> MetricState:
    return replace(
        state,
        against=eprocess.add(state.against, against, eprocess.against_steps()),
        for_it=eprocess.add(state.for_it, for_it, eprocess.for_steps()) if for_it else state.for_it,
        canary_bad=state.canary_bad + canary.bad,
        canary_total=state.canary_total + canary.total,
        stable_bad=state.stable_bad + stable.bad,
        stable_total=state.stable_total + stable.total,
    )
