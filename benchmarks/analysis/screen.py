"""Which of many rollouts could have failed at all: the evidence of all of them at once, as arrays, so that the shipped engine is asked where it matters.

The same formulas as `decide.analysis` (`points`, `clients`, `clusters`, `pods`, `paired`), over (rollout, look). Nothing is concluded from it but
"this one is far from a verdict": whatever comes near one, and each twentieth rollout besides, is judged by the shipped engine from its first look
on, and those that are have to agree with it in the evidence, or the run stops.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.analysis.engine import Result
from benchmarks.analysis.rollout import LOOK_SECONDS, Seen, followed

from serin_operator.decide.analysis import (
    AnalysisConfig,
    Arm,
    Clients,
    Comparison,
    Pairs,
    Proportions,
    Stratum,
    Value,
    eprocess,
    paired,
    pods,
    points,
    proportions,
)
from serin_operator.decide.analysis.config import Evidence, Paired
from serin_operator.decide.analysis.state import LOOKS_FOR_BASE_RATE
from serin_operator.decide.judging.judge import STARTING_SECONDS

Array = np.ndarray
CHECKED_EVERY = 20
NEAR = 0.9
"""Share of the evidence that a verdict needs, in logarithms, from which the shipped engine is asked."""
_AGREES = 1e-3  # natural logarithms


@dataclass(frozen=True)
class Batch:
    """Rollouts as arrays (rollout, look, …), whole numbers; `None` where nothing of the kind is counted.

    `canary` and `stable` end in (bad, total). `pods` are stable's by pod, `clients` the six sums of `Clients` without the stretches, each of one look.
    What was seen before the canary came is `before` (bad, total), `pods_before` and `clients_before`, of `stretches_before` looks.
    """

    canary: Array | None = None
    stable: Array | None = None
    before: Array | None = None
    pods: Array | None = None
    pods_before: Array | None = None
    clients: Array | None = None
    clients_before: Array | None = None
    stretches_before: int = 8
    begins_stage: Array | None = None
    seconds: Array | None = None
    pairs: Array | None = None
    differing: Array | None = None
    unlabelled: Array | None = None
    unanswered: Array | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rollouts and looks."""
        return next(one for one in (self.canary, self.pairs, self.differing) if one is not None).shape[:2]


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
    if not has_gaps and abs(found - result.worst) > _AGREES:
        raise AssertionError(f"rollout {row}: evidence {found} here, and {result.worst} by the engine")
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
    at, steps = np.where(impossible, 0.5, base + delta)[:, :, None], np.array(steps)
    a1, b1, delta = 1 / (1 + np.exp(-np.log(at) + np.log1p(-at) - steps)), base[:, :, None], delta[:, :, None]
    (x, n), (y, m) = ((one[:, :, :1], one[:, :, 1:]) for one in (batch.canary, batch.stable))
    b0 = _nearest(n, m, a1, b1, delta)
    a0 = b0 + delta
    ratios = x * np.log(a1 / a0) + (n - x) * (np.log1p(-a1) - np.log1p(-a0))
    ratios = ratios + y * np.log(b1 / b0) + (m - y) * (np.log1p(-b1) - np.log1p(-b0))
    return np.where(impossible[:, :, None] | (n == 0) | (m == 0), 0.0, ratios)


def _nearest(n, m, a1, b1, delta):
    """`points.nearest_base` for all at once."""
    low = np.maximum(np.minimum(b1, a1 - delta), 1e-12)
    high = np.minimum(np.maximum(b1, a1 - delta), 1 - delta)
    b = (n * np.maximum(a1 - delta, 1e-12) + m * b1) / np.maximum(n + m, 1)
    for _ in range(200):
        a = b + delta
        of_a, of_b = a * (1 - a), b * (1 - b)
        slope = n * (a - a1) / of_a + m * (b - b1) / of_b
        low, high = np.where(slope < 0, b, low), np.where(slope < 0, high, b)
        curve = n * (1 - (a - a1) * (1 - 2 * a) / of_a) / of_a + m * (1 - (b - b1) * (1 - 2 * b) / of_b) / of_b
        with np.errstate(divide="ignore", invalid="ignore"):
            after = b - slope / curve
        after = np.where((curve > 0) & (low < after) & (after < high), after, (low + high) / 2)
        if (np.abs(after - b) <= 1e-12 * b).all():
            return after
        b = after
    return b


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


def seen_of(batch: Batch, row: int) -> tuple[Seen | None, list[Seen]]:
    """What the engine is shown of one rollout."""
    looks = [_look(batch, row, number) for number in range(batch.shape[1])]
    if batch.before is None:
        return None, looks
    told = tuple(_arms(batch.pods_before[row])) if batch.pods is not None else ()
    known = _clients(batch.clients_before[row], batch.stretches_before) if batch.clients is not None else None
    return Seen(Value(Proportions((), Arm(*batch.before[row].tolist()))), told, known), looks


def _look(batch, row, number):
    def of(name, make: Callable = Arm):
        one = getattr(batch, name)
        return None if one is None else make(*one[row, number].tolist())

    strata = () if batch.canary is None else (Stratum(of("canary"), of("stable")),)
    two = lambda a, b, c, d: (Stratum(Arm(a, b), Arm(c, d)),)  # noqa: E731
    seen = Proportions(
        strata,
        pairs=of("pairs", Pairs) or Pairs(),
        differing=of("differing") or Arm(),
        unlabelled=of("unlabelled", two) or (),
        unanswered=of("unanswered", two) or (),
    )
    told = tuple(_arms(batch.pods[row, number])) if batch.pods is not None else ()
    sums = _clients(batch.clients[row, number], 1) if batch.clients is not None else None
    begins = batch.begins_stage is not None and bool(batch.begins_stage[number])
    return Seen(
        Value(seen), told, sums, begins, LOOK_SECONDS if batch.seconds is None else float(batch.seconds[number])
    )


def _arms(counts):
    return [Arm(*one) for one in counts.tolist()]


def _clients(sums, stretches):
    clients, *rest = sums.tolist()
    return Clients(clients, stretches, *rest)
