"""A metric with slices as people write it: the whole and each slice, from spec to verdict, on the same labels.

What is true of shares of wrong predictions is true of those that are far off and of the coins of scores: they are judged by the
same test, which one row of scores shows.
"""

import numpy as np
from benchmarks.analysis.engine import Result, value

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import AnalysisState, Fail, judge_look
from serin_operator.decide.judging.config import config_of

SHARES = (0.5, 0.3, 0.15, 0.05)
RATES = (0.04, 0.08, 0.12, 0.2)
"""Of labels, and of stable's wrong predictions among them, by slice."""
LABELS = (200, 800)
LOOKS = 24


RIGHT = {"accuracy": {"maxDecrease": 0.01}}
SCORE = {"score": {"between": [0, 1], "maxIncrease": 0.01}}


def config(count, is_sliced=True, kind=RIGHT):
    slices = {"slices": {"by": "region", "values": [str(number) for number in range(count)]}} if is_sliced else {}
    return config_of(Analysis.model_validate({"metrics": [{"name": "m", **kind, **slices}]}))


def rollouts(increases, shares=SHARES, rates=RATES, looks=LOOKS, *, is_sliced=True, kind=RIGHT):
    """Canaries that are worse by so much in each slice; answers are told of the first slice, which is the one that is worse."""
    judged, bad_rates = config(len(shares), is_sliced, kind), np.array(rates)

    def one(rng) -> Result:
        state, of_first = AnalysisState(), 0
        for look in range(looks):
            arms = []
            for labels, rate in zip(LABELS, (bad_rates + increases, bad_rates), strict=True):
                total = rng.multinomial(labels, shares)
                arms += [bad_of(rng, total, rate, kind), total]
            counts = np.stack(arms, axis=1).tolist()
            seen = {"m": value([np.stack(arms).sum(axis=1).tolist()])}
            if is_sliced:
                seen |= {f"m/region={number}": value([one]) for number, one in enumerate(counts)}
            of_first += counts[0][1]
            state, verdicts = judge_look(judged, state, seen)
            if any(isinstance(verdict, Fail) for verdict in verdicts.values()):
                return Result(True, of_first, look)
        return Result(False, of_first, looks)

    return lambda rng, n: [one(rng) for _ in range(n)]


def bad_of(rng, total, rate, kind):
    """Wrong labels, or coins that fell high for scores with that mean: beta with a quarter of a coin's variance."""
    if kind is RIGHT:
        return rng.binomial(total, rate)
    scores = [rng.beta(3 * mean, 3 * (1 - mean), number) for number, mean in zip(total, rate, strict=True)]
    return np.array([rng.binomial(1, each).sum() for each in scores])


def worlds(world):
    zeros, points = np.zeros(4), np.full(4, 0.01)
    worse_in_one = np.array([0.05, -0.015])
    fifth = {"shares": (0.2, 0.8), "rates": (0.08, 0.08), "looks": 60}
    rare = {"shares": (0.05, 0.95), "rates": (0.08, 0.08), "looks": 200}
    return [
        world("judged by slice, four of 50 to 5 % of the labels: equal", "equal", rollouts(zeros)),
        world("judged by slice, the same: at a margin of 1 point in each", "margin", rollouts(points)),
        world(
            "judged by slice, scores with these means: at a margin of 0.01 in each",
            "margin",
            rollouts(points, kind=SCORE),
        ),
        world(
            "judged by slice: better overall, 5 points worse in a fifth of the labels (answers of that slice)",
            "worse",
            rollouts(worse_in_one, **fifth),
            rollouts=500,
        ),
        world(
            "judged by slice: better overall, 5 points worse in a twentieth of the labels (answers of that slice)",
            "worse",
            rollouts(worse_in_one, **rare),
            rollouts=250,
        ),
        world(
            "judged by slice: the one that is worse in a fifth, without slices (told only)",
            "unjudged",
            rollouts(worse_in_one, **fifth, is_sliced=False),
            rollouts=500,
        ),
    ]
