"""`minSamples: Auto`: as many samples as are planned, and how many of the canaries that are worse by what was named are found within them."""

import numpy as np
from benchmarks.analysis.engine import Result, value

from serin_operator.decide.analysis import (
    AnalysisState,
    Fail,
    InPairs,
    Paired,
    Pairs,
    Points,
    Proportions,
    Value,
    accuracy,
    judge_look,
    labels_for,
    samples_for,
)
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


def in_pairs(detect, base, only_control, weight, share, paired):
    """The same, where a share of the canary's samples is answered by both versions."""
    known = InPairs(share, only_control, are_alone=paired is Paired.REQUIRE)
    needed = samples_for(detect, base, 100 * weight, power=POWER, in_pairs=known, margin=Points(MARGIN))
    canary, stable = (int(np.ceil(needed * part / weight / LOOKS)) for part in (weight, 1 - weight))
    config = AnalysisConfig((Metric("m", accuracy(MARGIN, paired=paired)),))
    kinds = np.array([only_control + detect, only_control, base - only_control])  # only canary bad, only control, both

    def one(rng) -> Result:
        state, _ = judge_look(
            config, AnalysisState(), {"m": value((), (int(rng.binomial(8 * stable, base)), 8 * stable))}
        )
        for look in range(LOOKS):
            pairs = int(rng.binomial(canary, share))
            only, other, both, _ = rng.multinomial(pairs, [*kinds, 1 - kinds.sum()]).tolist()
            bad = only + both + int(rng.binomial(canary - pairs, base + detect))
            seen = value([(bad, canary, int(rng.binomial(stable, base)), stable)]).observed
            look_of_pairs = Value(Proportions(seen.strata, pairs=Pairs(only, other, pairs)))
            state, verdicts = judge_look(config, state, {"m": look_of_pairs})
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
    ] + [
        world(
            f"minSamples: Auto, {100 * detect:g} points at {100 * base:g} %, {100 * share:g} % in pairs ({paired.value}), stable alone "
            f"bad on {100 * only:g} %, power {POWER:g}",
            "unjudged",
            in_pairs(detect, base, only, 0.25, share, paired),
            rollouts=500,
        )
        for detect, base, only, share, paired in (
            (0.02, 0.08, 0.005, 1.0, Paired.REQUIRE),
            (0.02, 0.08, 0.02, 1.0, Paired.REQUIRE),
            (0.05, 0.08, 0.02, 1.0, Paired.AUTO),
            (0.05, 0.08, 0.02, 0.2, Paired.AUTO),
            (0.05, 0.08, 0.02, 0.01, Paired.AUTO),
        )
    ]
