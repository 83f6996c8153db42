"""The rows of the table that the method was chosen by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.analysis.streams import Stream, split, steps, stream

from serin_operator.decide.analysis import Comparison, OddsRatio, Points, Rule

PLAIN = Comparison(OddsRatio(1.0))
ONE_POINT = Comparison(Points(0.01))


@dataclass(frozen=True)
class Row:
    """`truth`: equal or margin (must not fire), or worse (must, with at most `median` canary answers, if known)."""

    name: str
    truth: str
    make: Callable[[np.random.Generator, int], Stream]
    rule: Rule = PLAIN
    threshold: float = 0.10  # of the plain-threshold rules of others: accuracy 90 %
    median: float | None = None
    rollouts: int = 2000


def fixed(canary, stable, looks, stable_rate, canary_rate):
    return lambda rng, n: stream(rng, n, np.full(looks, canary), stable, stable_rate, canary_rate)


def growing(base_from, base_to, increase=0.0, looks=60, total=1000):
    """Weight 5, 25, 50 % while the base rate drifts."""
    base = np.linspace(base_from, base_to, looks)
    canary, stable = split(total, steps(looks, 5, 25, 50))
    return lambda rng, n: stream(rng, n, canary, stable, base, base + increase)


ROWS = (
    Row("equal, 200 + 800 a look", "equal", fixed(200, 800, 60, 0.08, 0.08)),
    Row("equal, 50 + 950 a look, 200 looks", "equal", fixed(50, 950, 200, 0.08, 0.08)),
    Row("equal, base 4 → 14 %, weight 5 → 50 %", "equal", growing(0.04, 0.14)),
    Row("equal, base error 0.1 → 1 %, weight 5 → 50 %", "equal", growing(0.001, 0.01), threshold=0.01),
    Row("−2 points", "worse", fixed(200, 800, 60, 0.08, 0.10), median=3200),
    Row("−4 points", "worse", fixed(200, 800, 60, 0.08, 0.12), median=800, rollouts=4000),
    Row("−10 points", "worse", fixed(200, 800, 60, 0.08, 0.18), median=200),
    Row("errors 0.1 → 0.5 %, 50 + 950", "worse", fixed(50, 950, 200, 0.001, 0.005), threshold=0.01, median=1500),
    Row("errors 0.1 → 2 %, 50 + 950", "worse", fixed(50, 950, 200, 0.001, 0.02), threshold=0.01, median=200),
    Row("everything fails, 50 + 950", "worse", fixed(50, 950, 60, 0.001, 1.0), threshold=0.01, median=50),
    Row("margin 1 point, exactly at it", "margin", fixed(200, 800, 60, 0.08, 0.09), ONE_POINT),
    Row(
        "margin 1 point, at it, base 14 → 4 %, weight 5 → 50 %",
        "margin",
        growing(0.14, 0.04, 0.01),
        ONE_POINT,
        rollouts=10_000,
    ),
    Row("margin 1 point, −4 points", "worse", fixed(200, 800, 60, 0.08, 0.12), ONE_POINT, median=1900),
    Row("labels for a random 5 % (10 + 40 a look)", "equal", fixed(10, 40, 200, 0.08, 0.08)),
    Row(
        "canary crashes half-way",
        "worse",
        fixed(200, 800, 60, 0.08, np.concatenate([np.full(30, 0.08), np.full(30, 1.0)])),
    ),
)

EFFECTS = (0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1)


def sweep_name(effect: float) -> str:
    """The name of a row of the plot's right side."""
    return f"sweep: −{100 * effect:g} points"


ROWS += tuple(
    Row(sweep_name(effect), "sweep", fixed(200, 800, 150, 0.08, 0.08 + effect), rollouts=500) for effect in EFFECTS
)
