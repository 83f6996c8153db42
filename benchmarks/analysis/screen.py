"""Which of many rollouts could have failed at all: the evidence of all of them at once, as arrays, so that the shipped engine is asked where it matters.

The same formulas as `decide.analysis` (`points`, `clients`, `clusters`, `pods`, `paired`), over (rollout, look). Nothing is concluded from it but
"this one is far from a verdict": whatever comes near one, and each twentieth rollout besides, is judged by the shipped engine from its first look
on, and those that are have to agree with it in the evidence, or the run stops.
"""

import numpy as np
from benchmarks.analysis.batch import Array, Batch, seen_of
from benchmarks.analysis.engine import Result
from benchmarks.analysis.rollout import followed

from serin_operator.decide.analysis import (
    AnalysisConfig,
    Comparison,
    Pairs,
    eprocess,
    paired,
    pods,
    points,
    proportions,
)
from serin_operator.decide.analysis.config import Evidence, Paired
from serin_operator.decide.analysis.state import LOOKS_FOR_BASE_RATE
from serin_operator.decide.judging.judge import STARTING_SECONDS

CHECKED_EVERY = 20
NEAR = 0.9
"""Share of the evidence that a verdict needs, in logarithms, from which the shipped engine is asked."""
_AGREES = 1e-3  # natural logarithms


def judged(config: AnalysisConfig, batch: Batch, design_effect: float = 1.0) -> list[Result]:
    """The result of each rollout."""
    metric = config.metrics[0]
    against, for_it = evidence(metric.rule, batch, design_effect)
    needed = eprocess.needed(config.false_alarm_share("m")) / eprocess.MICRO
    shown = eprocess.needed(config.false_promotion_rate) / eprocess.MICRO
    near = (against.max(1) >= NEAR * needed) | (for_it.max(1) >= NEAR * shown)
    near[::CHECKED_EVERY] = True
    if batch.stable is not None:  # what stable has not answered shifts the window of its rate
        near |= (batch.stable[:, :, 1] == 0).any(1) | (batch.canary[:, :, 1] == 0).any(1)
    return [
        _asked(config, batch, row, design_effect, against[row])
        if near[row]
        else Result(False, _answers(batch, row), -1)
        for row in range(len(near))
    ]


def _asked(config, batch, row, design_effect, against):
    before, looks = seen_of(batch, row)
    result = followed(config, before, looks, design_effect)
    found = max(0.0, float(against[: result.look + 1].max()))
    has_gaps = batch.stable is not None and not (batch.stable[row, :, 1].all() and batch.canary[row, :, 1].all())
    if not has_gaps and abs(found - result.against) > _AGREES:
        raise AssertionError(f"rollout {row}: evidence {found} here, and {result.against} by the engine")
    return result


def _answers(batch, row):
    return int(batch.canary[row, :, 1].sum()) if batch.canary is not None else 0


def evidence(rule: Comparison, batch: Batch, design_effect: float = 1.0) -> tuple[Array, Array]:
    """Log evidence (rollout, look) against the canary, and that the margin is kept."""
    strata = _strata(rule, batch, design_effect) if batch.canary is not None else (np.zeros(batch.shape),) * 2
    if rule.paired is Paired.OFF:
        return strata
    bets = (_linear(batch.pairs, one, rule.points) for one in (paired.log_against, paired.log_for_it))
    against, for_it = bets if batch.pairs is not None else (np.zeros(batch.shape),) * 2
    sure = rule.evidence is Evidence.NON_INFERIOR
    alike = _alike(batch, rule.points) if sure and batch.differing is not None else np.zeros(batch.shape)
    first, agreement, second = proportions.PAIRS_AGAINST, proportions.AGREEMENT, proportions.PAIRS_FOR_IT
    shown = _weighted((agreement, alike), (second, for_it), (1 - agreement - second, strata[1]))
    return _weighted((first, against), (1 - first, strata[0])), shown if sure else np.zeros(batch.shape)


def _weighted(*parts):
    return np.logaddexp.reduce([np.log(weight) + log for weight, log in parts])


def _mixture(ratios):
    """Of evidence (rollout, look, alternative), rounded down look by look as it is kept."""
    kept = np.floor(eprocess.MICRO * ratios).cumsum(axis=1) / eprocess.MICRO
    return np.logaddexp.reduce(kept, axis=2) - np.log(ratios.shape[2])


def _linear(pairs, log_of, delta):
    """Evidence of pairs is linear in the three counts."""
    each = np.array([log_of(one, delta) for one in (Pairs(1, 0, 1), Pairs(0, 1, 1), Pairs(0, 0, 1))])
    only_canary, only_control, total = np.moveaxis(pairs, 2, 0)
    counts = np.stack([only_canary, only_control, total - only_canary - only_control], axis=2)
    return _mixture(counts @ each)


def _alike(batch, delta):
    steps = np.array(eprocess.for_steps())
    other, total = batch.differing[:, :, :1], batch.differing[:, :, 1:]
    return _mixture(other * steps - total * np.log1p(delta * np.expm1(steps)))


def _strata(rule, batch, default):
    margin = rule.points
    bases = [*((batch.before[:, None],) if batch.before is not None else ()), batch.stable]
    known = np.concatenate(bases, axis=1).cumsum(axis=1)
    known = np.concatenate([np.zeros_like(known[:, :1]), known], axis=1)
    first = len(bases) - 1
    ends = np.arange(first, first + batch.shape[1])
    recent = known[:, ends] - known[:, np.maximum(0, ends - LOOKS_FOR_BASE_RATE)]
    base = (recent[:, :, 0] + margin) / (recent[:, :, 1] + 1.0)
    effect, moved = _effects(batch, default), _between(batch)
    starting = _starting(batch)
    stake = np.where(starting > 0, points.STARTING, points.AT_STAKE)
    against = _likelihood(batch, base, _widened(margin + starting, base, moved), eprocess.against_steps())
    result = [_hedged(against / effect[:, :, None], stake[None, :, None])]
    if rule.evidence is Evidence.NON_INFERIOR:
        for_it = _likelihood(batch, base, _widened(margin, base, -moved), eprocess.for_steps())
        result.append(_hedged(for_it / effect[:, :, None], points.AT_STAKE))
    return (*map(_mixture, result), *([np.zeros(batch.shape)] if len(result) < 2 else []))


def _hedged(ratio, stake):
    return np.logaddexp(np.log(stake) + ratio, np.log1p(-stake))


def _widened(delta, base, log_odds):
    delta = np.broadcast_to(delta, base.shape)
    at = np.minimum(base + delta, 1 - 1e-15)
    moved = 1 / (1 + np.exp(-(np.log(at) - np.log1p(-at)) - log_odds)) - base
    return np.where(log_odds == 0, delta, np.maximum(moved, 1e-12 - base))


def _likelihood(batch, base, delta, steps):
    impossible = base + delta >= 1
    a1, b1, a0, b0 = _alternatives(batch, np.where(impossible, 0.5, base), np.where(impossible, 0.0, delta), steps)
    (x, n), (y, m) = ((one[:, :, :1], one[:, :, 1:]) for one in (batch.canary, batch.stable))
    ratios = x * np.log(a1 / a0) + (n - x) * (np.log1p(-a1) - np.log1p(-a0))
    ratios = ratios + y * np.log(b1 / b0) + (m - y) * (np.log1p(-b1) - np.log1p(-b0))
    return np.where(impossible[:, :, None] | (n == 0) | (m == 0), 0.0, ratios)


def _alternatives(batch, base, delta, steps):
    """The pairs of rates (rollout, look, step) beyond the margin, and the nearest on it: worked out once for looks that are alike."""
    asked = np.stack([batch.canary[:, :, 1], batch.stable[:, :, 1], base, delta], axis=2)
    alike, where = np.unique(asked.reshape(-1, 4), axis=0, return_inverse=True)
    n, m, base, delta = np.moveaxis(alike[:, :, None], 1, 0)
    at = base + delta
    a1 = 1 / (1 + np.exp(-np.log(at) + np.log1p(-at) - np.array(steps)))
    b0 = _nearest(*(one.ravel() for one in np.broadcast_arrays(n, m, a1, base, delta))).reshape(a1.shape)
    found = np.broadcast_arrays(a1, base, b0 + delta, b0)
    return (one[where.ravel()].reshape(*asked.shape[:2], len(steps)) for one in found)


def _nearest(n, m, a1, b1, delta):
    """`points.nearest_base` for all at once; those that are found are not looked for any more."""
    low = np.maximum(np.minimum(b1, a1 - delta), 1e-12)
    high = np.minimum(np.maximum(b1, a1 - delta), 1 - delta)
    b = (n * np.maximum(a1 - delta, 1e-12) + m * b1) / np.maximum(n + m, 1)
    found, left = b.copy(), np.arange(len(b))
    for _ in range(200):
        a = b + delta
        of_a, of_b = a * (1 - a), b * (1 - b)
        slope = n * (a - a1) / of_a + m * (b - b1) / of_b
        low, high = np.where(slope < 0, b, low), np.where(slope < 0, high, b)
        curve = n * (1 - (a - a1) * (1 - 2 * a) / of_a) / of_a + m * (1 - (b - b1) * (1 - 2 * b) / of_b) / of_b
        with np.errstate(divide="ignore", invalid="ignore"):
            after = b - slope / curve
        after = np.where((curve > 0) & (low < after) & (after < high), after, (low + high) / 2)
        found[left], is_far = after, np.abs(after - b) > 1e-12 * b
        if not is_far.any():
            break
        b, left = after[is_far], left[is_far]
        n, m, a1, b1, delta, low, high = (one[is_far] for one in (n, m, a1, b1, delta, low, high))
    return found


def _starting(batch):
    if batch.begins_stage is None or batch.pods is None:
        return np.zeros(batch.shape[1])
    stage = np.maximum(np.cumsum(batch.begins_stage), 1)
    return np.where(batch.begins_stage, STARTING_SECONDS / batch.seconds / stage, 0.0)


def _until(before, each):
    """Sums of everything before each look."""
    known = np.concatenate([before[:, None], each], axis=1).cumsum(axis=1)
    return known[:, :-1]


def _effects(batch, default):
    by_pod = _by_pod(batch, default)
    if batch.clients is None:
        return by_pod
    clients, total, bad, total2, bad2, both = np.moveaxis(_until(batch.clients_before, batch.clients), 2, 0).astype(
        float
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        alike, rate = total2 / total, bad / total
        measured = (bad2 - 2 * rate * both + rate**2 * total2) / (rate * (1 - rate) * total)
        worth = clients + 10
        seen = (measured * clients + default * 10) / worth * (1 + np.sqrt(2 / worth))
        effect = np.where(alike > measured, np.minimum(alike, seen), measured)
    effect = np.where((bad == 0) | (bad == total), np.minimum(default, alike), effect)
    return np.where(total > 0, np.maximum(1.0, effect), by_pod)


def _of_pods(batch):
    """Looks of stable's pods, that of the time before first: (bad, total, rate, whether it tells anything)."""
    each = np.concatenate([batch.pods_before[:, None], batch.pods], axis=1)
    bad, total = each[..., 0].astype(float), each[..., 1].astype(float)
    rate = bad.sum(2, keepdims=True) / np.maximum(total.sum(2, keepdims=True), 1)
    tells = ((total > 0).sum(2) >= pods.LEAST) & (rate[..., 0] > 0) & (rate[..., 0] < 1)
    return bad, total, rate, tells


def _by_pod(batch, default):
    if batch.pods is None:
        return np.full(batch.shape, max(1.0, default))
    bad, total, rate, tells = _of_pods(batch)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = np.nansum((bad - total * rate) ** 2 / (total * rate * (1 - rate)), axis=2)
    chi2 = np.where(tells, chi2, 0.0).cumsum(1)[:, :-1]
    degrees = np.where(tells, (total > 0).sum(2) - 1, 0).cumsum(1)[:, :-1]
    seen = (chi2 + default * 10) / (degrees + 10) * (1 + np.sqrt(2 / (degrees + 10)))
    return np.where(degrees > 0, np.maximum(1.0, seen), max(1.0, default))


def _between(batch):
    if batch.pods is None or batch.pods.shape[2] < pods.LEAST:
        return np.zeros(batch.shape)
    bad, total, rate, tells = _of_pods(batch)
    chance = rate * (1 - rate) * total
    whole = np.maximum(total.sum(2, keepdims=True), 1)
    excess = ((bad - rate * total) ** 2 - chance * (1 - total / whole)).sum(2)
    excess = np.where(tells, excess, 0.0).cumsum(1)[:, :-1]
    worth = np.where(tells, (chance**2).sum(2), 0.0).cumsum(1)[:, :-1]
    number = batch.pods.shape[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = (excess - np.sqrt(2 * worth)) / worth
    t = pods._T[number - 3] if number - 3 < len(pods._T) else pods._NORMAL  # noqa: SLF001
    return np.where(squared > 0, t * np.sqrt(np.maximum(squared, 0) * (1 + 1 / number)), 0.0)
