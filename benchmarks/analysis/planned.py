"""`minSamples: Auto`: as many samples as are planned, and how many of the canaries that are worse by what was named are found within them."""

import numpy as np
from benchmarks.analysis.engine import Result, value

from serin_operator.decide.analysis import AnalysisState, Fail, Points, accuracy, judge_look, labels_for
from serin_operator.decide.analysis.config import AnalysisConfig, Metric

POWER = 0.8
LOOKS = 20
MARGIN = 0.01


def rollouts(detect, base, share, worse):
    """A step of twenty looks with just the samples that are planned, after eight looks of stable alone."""
    needed = labels_for(detect, base, 100 * share, power=POWER, margin=Points(MARGIN))
    canary, stable = (int(np.ceil(needed * part / share / LOOKS)) for part in (share, 1 - share))
    config = AnalysisConfig((Metric("m", accuracy(MARGIN)),))

    def one(rng) -> Result:
        before = value((), (int(rng.binomial(8 * stable, base)), 8 * stable))
        state, _ = judge_look(config, AnalysisState(), {"m": before})
        for look in range(LOOKS):
            seen = (int(rng.binomial(canary, base + worse)), canary, int(rng.binomial(stable, base)), stable)
            state, verdicts = judge_look(config, state, {"m": value([seen])})
            if isinstance(verdicts["m"], Fail):
                return Result(True, canary * (look + 1), look)
        return Result(False, canary * LOOKS, LOOKS)

    return lambda rng, n: [one(rng) for _ in range(n)]


def worlds(world):
    """The rows: found within the step by a power of 0.8."""
    return [
        world(
            f"minSamples: Auto, {100 * detect:g} points at {100 * base:g} %, share {100 * share:g} %, power {POWER:g}",
            "unjudged",
            rollouts(detect, base, share, detect),
            rollouts=500,
        )
        for detect, base, share in (
            (0.02, 0.02, 0.1),
            (0.02, 0.08, 0.25),
            (0.05, 0.08, 0.1),
            (0.05, 0.2, 0.5),
            (0.1, 0.08, 0.25),
        )
    ]
