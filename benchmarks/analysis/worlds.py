"""Worlds that the table does not name: the promise has to hold there too."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.analysis import cases, guarded, late_labels, paired_rows, planned, scored, sliced, special
from benchmarks.analysis.engine import Result, judge_stream, single
from benchmarks.analysis.streams import at_margin_ratio, split, steps, stream

from serin_operator.decide.analysis import Bound, Comparison, Evidence, OddsRatio, Points, accuracy

PLAIN = Comparison(OddsRatio(1.0))
HALF_MORE = Comparison(OddsRatio(1.5))
SURE = Evidence.NON_INFERIOR


@dataclass(frozen=True)
class World:
    """`truth`: equal or margin (failing is wrong), promotion (at the margin: showing non-inferiority is wrong),
    worse (failing is right), better (showing non-inferiority is right), unjudged (no promise is made: told only).
    `most` is the median of answers with which a worse one is to be found, or a better one to be shown."""

    name: str
    truth: str
    run: Callable[[np.random.Generator, int], list[Result]]
    promised: float = 0.01
    rollouts: int = 2000
    most: float | None = None


def streamed(rule, make, **judging):
    config = single(rule)

    def run(rng, n):
        simulated = make(rng, n)
        return [judge_stream(config, simulated, row, **judging) for row in range(n)]

    return run


def _grid():
    for base, total, delta in (
        (1e-4, 20_000, 1e-4),
        (1e-3, 20_000, 1e-3),
        (0.01, 2000, 0.005),
        (0.1, 2000, 0.01),
        (0.5, 2000, 0.02),
    ):
        for share in (1, 10, 50):
            canary, stable = split(np.full(40, total), share)
            name = f"base {base:g}, share {share} %"
            yield World(f"{name}: equal", "equal", streamed(PLAIN, _fixed(canary, stable, base, base)))
            at = streamed(Comparison(Points(delta)), _fixed(canary, stable, base, base + delta))
            yield World(f"{name}: at a margin of {100 * delta:g} points", "margin", at)


def _fixed(canary, stable, stable_rate, canary_rate):
    return lambda rng, n: stream(rng, n, canary, stable, stable_rate, canary_rate)


def _walk(rng, n, looks=60, start=-2.5, scale=0.15):
    logit = start + np.cumsum(rng.normal(0, scale, (n, looks)), axis=1)
    return 1 / (1 + np.exp(-logit))


def _random_walk(increase):
    canary, stable = split(1000, steps(60, 5, 25, 50))

    def make(rng, n):
        base = np.minimum(_walk(rng, n), 0.5)
        return stream(rng, n, canary, stable, base, base + increase)

    return make


def _bursts(increase):
    canary, stable = split(1000, steps(60, 5, 25, 50))

    def make(rng, n):
        base = np.where(rng.random((n, 60)) < 0.1, 0.25, 0.03)
        return stream(rng, n, canary, stable, base, base + increase)

    return make


def _unequal_looks(increase):
    def make(rng, n):
        total = np.clip(np.exp(rng.normal(6, 2, (n, 40))), 10, 100_000).astype(np.int64)
        canary, stable = split(total, 10)
        return stream(rng, n, canary, stable, 0.05, 0.05 + increase)

    return make


def _up_and_down(increase):
    looks = 80
    canary, stable = split(1000, steps(looks, 5, 50, 10, 25, 5))
    base = 0.08 + 0.05 * np.sin(np.linspace(0, 9, looks))
    return _fixed(canary, stable, base, base + increase)


def _incident(increase, looks=30):
    canary, stable = split(np.full(looks, 50_000), 10)
    base = np.where(np.arange(looks) < 10, 0.05, 0.002)
    return _fixed(canary, stable, base, base + increase)


def _ratio_growing(ratio):
    base = np.linspace(0.14, 0.04, 60)
    canary, stable = split(1000, steps(60, 5, 25, 50))
    return _fixed(canary, stable, base, at_margin_ratio(base, ratio))


def _jump(seconds):
    return np.where(seconds < 900, 0.05, 0.20)


def _rise(seconds):
    return 0.04 + 0.10 * np.clip(seconds, 0, 1800) / 1800


def _late():
    same, later, sooner = (300.0, 300.0), (150.0, 600.0), (600.0, 150.0)
    for what, base in (("jumping 5 → 20 %", _jump), ("rising 4 → 14 %", _rise)):
        for how, delays in (("late", same), ("later when wrong", later), ("sooner when wrong", sooner)):
            for rule, increase, truth in ((PLAIN, 0.0, "equal"), (accuracy(0.02), 0.02, "margin")):
                run = late_labels.rollouts(single(rule), base, increase, delays, late_labels.by_age)
                # Near enough to 1 % that 2,000 rollouts cannot tell.
                many = 8000 if (how, what, truth) == ("sooner when wrong", "jumping 5 → 20 %", "margin") else 2000
                yield World(f"labels {how}, base {what}: {truth}", truth, run, rollouts=many)
    blind = late_labels.rollouts(single(PLAIN), _jump, 0.0, sooner, late_labels.by_arrival)
    yield World(
        "labels sooner when wrong, base jumping, strata by arrival only (not shipped): equal",
        "unjudged",
        blind,
        rollouts=500,
    )
    found = late_labels.rollouts(single(PLAIN), _jump, 0.10, sooner, late_labels.by_age)
    yield World("labels sooner when wrong, base jumping: −10 points", "worse", found, rollouts=500)


def _promotion():
    flat = (np.full(100, 200), 800)
    points = Comparison(Points(0.02), SURE)
    yield World(
        "non-inferiority, at a margin of 2 points", "promotion", streamed(points, _fixed(*flat, 0.08, 0.10)), 0.05
    )
    ratio = Comparison(OddsRatio(1.5), SURE)
    yield World(
        "non-inferiority, at an odds ratio of 1.5, base 14 → 4 %",
        "promotion",
        streamed(ratio, _ratio_growing(1.5)),
        0.05,
    )
    walk = streamed(points, _random_walk(0.02))
    yield World("non-inferiority, at a margin of 2 points, base a random walk", "promotion", walk, 0.05)
    end = streamed(Comparison(Points(0.005), SURE), _incident(0.005))
    yield World("non-inferiority, at the margin, an incident ends", "promotion", end, 0.05)
    yield World("non-inferiority, equal, margin 2 points", "better", streamed(points, _fixed(*flat, 0.08, 0.08)), 0.05)
    bound = Bound(0.10, SURE)
    yield World("one sample, exactly at its bound of 10 %", "margin", streamed(Bound(0.10), _fixed(*flat, 0.1, 0.1)))
    yield World(
        "one sample, at its bound: non-inferiority", "promotion", streamed(bound, _fixed(*flat, 0.1, 0.1)), 0.05
    )
    yield World("one sample, 14 % against a bound of 10 %", "worse", streamed(Bound(0.10), _fixed(*flat, 0.1, 0.14)))


def worlds() -> list[World]:
    two = Comparison(Points(0.02))
    flat = (np.full(60, 200), 800)
    long = (np.full(1000, 20), 80)
    return [
        *_grid(),
        World("weights rise and fall, base a wave: equal", "equal", streamed(PLAIN, _up_and_down(0))),
        World("weights rise and fall, base a wave: at 2 points", "margin", streamed(two, _up_and_down(0.02))),
        World("base a random walk, weight 5 → 50 %: equal", "equal", streamed(PLAIN, _random_walk(0)), rollouts=6000),
        World(
            "base a random walk, weight 5 → 50 %: at 2 points",
            "margin",
            streamed(two, _random_walk(0.02)),
            rollouts=2000,
        ),
        World("bursts (3 %, every tenth look 25 %): equal", "equal", streamed(PLAIN, _bursts(0))),
        World("bursts (3 %, every tenth look 25 %): at 2 points", "margin", streamed(two, _bursts(0.02))),
        World("looks of 10 to 100,000 answers: equal", "equal", streamed(PLAIN, _unequal_looks(0))),
        World(
            "looks of 10 to 100,000 answers: at 1 point",
            "margin",
            streamed(Comparison(Points(0.01)), _unequal_looks(0.01)),
        ),
        World(
            "base 14 → 4 %, weight 5 → 50 %: at an odds ratio of 1.5",
            "margin",
            streamed(HALF_MORE, _ratio_growing(1.5)),
        ),
        World("a thousand looks: equal", "equal", streamed(PLAIN, _fixed(*long, 0.08, 0.08)), rollouts=6000),
        World(
            "a thousand looks: at an odds ratio of 1.5",
            "margin",
            streamed(HALF_MORE, _fixed(*long, 0.08, float(at_margin_ratio(0.08, 1.5)))),
            rollouts=6000,
        ),
        World("a thousand looks: at 2 points", "margin", streamed(two, _fixed(*long, 0.08, 0.10))),
        World(
            "each look asked twice after a restart: equal",
            "equal",
            streamed(PLAIN, _fixed(*flat, 0.08, 0.08), repeat_looks=True),
        ),
        World(
            "an incident ends (5 → 0.2 %, 50,000 a look): at 0.5 points",
            "margin",
            streamed(Comparison(Points(0.005)), _incident(0.005)),
        ),
        World(
            "an incident ends (5 → 0.2 %, 50,000 a look): half of 0.5 points",
            "margin",
            streamed(Comparison(Points(0.005)), _incident(0.0025)),
        ),
        World(
            "an incident ends (5 → 0.2 %, 50,000 a look): equal",
            "equal",
            streamed(Comparison(Points(0.005)), _incident(0)),
        ),
        *_late(),
        *special.worlds(World),
        *sliced.worlds(World),
        *scored.worlds(World),
        *planned.worlds(World),
        *_promotion(),
        *cases.worlds(World),
        *paired_rows.worlds(World),
        *guarded.worlds(World),
    ]
