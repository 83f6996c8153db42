"""Labels that arrive late, prediction by prediction: feedback counted by look and age, as the server counts it."""

import numpy as np
from benchmarks.analysis.engine import Result, judge_samples

from serin_operator.decide.analysis import (
    AnalysisState,
    Arm,
    Cell,
    Look,
    Proportions,
    Stratum,
    Value,
    labelled_counts,
)

LOOK_SECONDS = 30.0
LOOKS = 60
STEP_SECONDS = LOOK_SECONDS * LOOKS / 3
WEIGHTS = (0.05, 0.25, 0.50)
AGE_BOUNDS_SECONDS = (*(60.0 * 2**step for step in range(12)), np.inf)  # coarser than the server's
BOUNDS = np.array(AGE_BOUNDS_SECONDS)


def feedback(rng, base, increase, mean_delay_good, mean_delay_bad, per_look=400):
    """Counts (look, age bucket, arm, bad) of one rollout; the canary's first traffic is at second 0."""
    before = LOOKS * LOOK_SECONDS / 2
    made = rng.uniform(-before, LOOKS * LOOK_SECONDS, int(per_look * LOOKS * 1.5))
    weight = np.where(made < 0, 0.0, np.take(WEIGHTS, np.clip((made / STEP_SECONDS).astype(int), 0, 2)))
    canary = rng.random(made.size) < weight
    bad = rng.random(made.size) < base(made) + increase * canary
    delay = rng.exponential(np.where(bad, mean_delay_bad, mean_delay_good))
    look = np.floor((made + delay) / LOOK_SECONDS).astype(int)
    keep = (look >= -8) & (look < LOOKS)
    bucket = np.searchsorted(BOUNDS, delay)
    shape = (LOOKS + 8, len(BOUNDS), 2, 2)
    flat = np.ravel_multi_index((look[keep] + 8, bucket[keep], canary[keep] * 1, bad[keep] * 1), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


def _stratum(cell) -> Stratum:
    (stable_good, stable_bad), (canary_good, canary_bad) = cell.tolist()
    return Stratum(Arm(canary_bad, canary_good + canary_bad), Arm(stable_bad, stable_good + stable_bad))


def by_age(counts):
    """The shipped way: strata by (look, age), cells with a weight change dropped."""
    changes = [STEP_SECONDS, 2 * STEP_SECONDS]
    for number, look in enumerate(counts, start=-8):
        interval = Look(number * LOOK_SECONDS, (number + 1) * LOOK_SECONDS)
        youngest = (0.0, *AGE_BOUNDS_SECONDS)
        cells = [
            Cell(young, old, _stratum(cell))
            for young, old, cell in zip(youngest, AGE_BOUNDS_SECONDS, look, strict=False)
            if cell.any()
        ]
        seen, _ = labelled_counts(interval, cells, 0.0, changes)
        yield Value(seen)


def by_arrival(counts):
    """What happens without ages: one stratum a look."""
    for look in counts:
        one = _stratum(look.sum(0))
        yield Value(Proportions((one,)) if one.canary.total else Proportions((), one.stable))


def rollouts(config, base, increase, delays, way):
    def run(rng, n) -> list[Result]:
        return [judge_samples(config, AnalysisState(), way(feedback(rng, base, increase, *delays))) for _ in range(n)]

    return run
