"""`minSamples: Auto` keeps its word: within so many samples a version that is so much worse is found that often."""

import random

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    InPairs,
    Metric,
    Paired,
    Pairs,
    Points,
    Proportions,
    Stratum,
    Value,
    accuracy,
    judge_look,
    labels_for,
    samples_for,
)

ROLLOUTS, LOOKS, POWER = 120, 12, 0.8


def _bad(chance: random.Random, total: int, rate: float) -> Arm:
    return Arm(sum(chance.random() < rate for _ in range(total)), total)


@pytest.mark.parametrize(("base", "detect", "share"), [(0.08, 0.1, 0.25), (0.3, 0.15, 0.5)])
def test_a_version_that_is_so_much_worse_is_found_within_its_samples(base: float, detect: float, share: float) -> None:
    needed = labels_for(detect, base, 100 * share, power=POWER, margin=Points(0.01))
    canary, stable = (int(needed * part / share / LOOKS) + 1 for part in (share, 1 - share))
    config, chance, found = AnalysisConfig((Metric("m", accuracy()),)), random.Random(5), 0
    for _ in range(ROLLOUTS):
        before = Value(Proportions((), _bad(chance, 4 * stable, base)))
        state, verdicts = judge_look(config, AnalysisState(), {"m": before})
        for _ in range(LOOKS):
            stratum = Stratum(_bad(chance, canary, base + detect), _bad(chance, stable, base))
            state, verdicts = judge_look(config, state, {"m": Value(Proportions((stratum,)))})
        found += isinstance(verdicts["m"], Fail)
    _check(found)


def _check(found: int) -> None:
    # Three standard errors below what is promised.
    assert found >= ROLLOUTS * (POWER - 3 * (POWER * (1 - POWER) / ROLLOUTS) ** 0.5)


@pytest.mark.parametrize(
    ("paired", "share"),
    [(Paired.REQUIRE, 1.0), (Paired.AUTO, 1.0), (Paired.AUTO, 0.2), (Paired.AUTO, 0.01)],
    ids=["pairs alone", "all in pairs", "a fifth in pairs", "hardly any in pairs"],
)
def test_with_pairs_it_is_found_within_them(paired: Paired, share: float) -> None:
    base, detect, only_control, weight = 0.1, 0.08, 0.02, 0.25
    known = InPairs(share, only_control, are_alone=paired is Paired.REQUIRE)
    needed = samples_for(detect, base, 100 * weight, power=POWER, in_pairs=known, margin=Points(0.01))
    canary, stable = (int(needed * part / weight / LOOKS) + 1 for part in (weight, 1 - weight))
    config, chance, found = AnalysisConfig((Metric("m", accuracy(paired=paired)),)), random.Random(7), 0
    for _ in range(ROLLOUTS):
        before = Value(Proportions((), _bad(chance, 4 * stable, base)))
        state, verdicts = judge_look(config, AnalysisState(), {"m": before})
        for _ in range(LOOKS):
            both, one, other = 0, 0, 0
            pairs = sum(chance.random() < share for _ in range(canary))
            for _ in range(pairs):
                drawn = chance.random()
                one += drawn < only_control + detect
                other += only_control + detect <= drawn < 2 * only_control + detect
                both += 2 * only_control + detect <= drawn < only_control + detect + base
            apart = _bad(chance, canary - pairs, base + detect)
            stratum = Stratum(Arm(apart.bad + one + both, canary), _bad(chance, stable, base))
            seen = Proportions((stratum,), pairs=Pairs(one, other, pairs))
            state, verdicts = judge_look(config, state, {"m": Value(seen)})
        found += isinstance(verdicts["m"], Fail)
    _check(found)
