"""The mean of a score as it ships, a coin for each score, beside tests of the scores' sums, which do not ship: what the coin costs."""

import numpy as np
from benchmarks.analysis.engine import Result, value
from scipy.special import ndtri

from serin_operator.api.spec import Analysis
from serin_operator.decide.analysis import AnalysisState, Arm, Fail, Proportions, Value, judge_look
from serin_operator.decide.judging.config import config_of

LABELS = 1000
"""A look, of both versions."""
SHARE = 0.2
LOOKS, LONG = 24, 60
MARGIN = 0.01
ALPHA = 0.01
LAMBDAS = np.geomspace(0.005, 0.95, 24)


def config(margin=MARGIN):
    """Of a score between 0 and 1 of which less is better."""
    asked = {"name": "m", "score": {"between": [0, 1], "maxIncrease": margin}}
    return config_of(Analysis.model_validate({"metrics": [asked], "falseRollbackRate": ALPHA}))


def scores(rng, mean, deviation, number):
    """Of a beta distribution; without a deviation all the same."""
    if not deviation:
        return np.full(number, mean)
    together = mean * (1 - mean) / deviation**2 - 1
    return rng.beta(mean * together, (1 - mean) * together, number)


def looks_of(rng, mean, deviation, worse, *, grows=False, looks=LOOKS):
    """The scores of canary and stable, look by look; where it grows so do the canary's share and both versions' scores."""
    for look in range(looks):
        along = look / (looks - 1) if grows else 0.0
        share = 0.05 + 0.45 * along if grows else SHARE
        canary = round(LABELS * share)
        base = mean * (1 + along)
        yield scores(rng, base + worse, deviation, canary), scores(rng, base, deviation, LABELS - canary)


def coined(mean, deviation, worse=0.0, **more):
    """As it ships, from the spec to the verdict, eight looks of stable alone before."""
    judged = config()

    def one(rng) -> Result:
        before = scores(rng, mean, deviation, 8 * LABELS)
        alone = Arm(int((rng.random(len(before)) < before).sum()), len(before))
        state, _ = judge_look(judged, AnalysisState(), {"m": Value(Proportions((), alone))})
        answers = 0
        for look, arms in enumerate(looks_of(rng, mean, deviation, worse, **more)):
            coins = [int((rng.random(len(arm)) < arm).sum()) for arm in arms]
            answers += len(arms[0])
            counts = (coins[0], len(arms[0]), coins[1], len(arms[1]))
            state, verdicts = judge_look(judged, state, {"m": value([counts])})
            if isinstance(verdicts["m"], Fail):
                return Result(True, answers, look)
        return Result(False, answers, look)

    return lambda rng, n: [one(rng) for _ in range(n)]


def bernstein(mean, deviation, worse=0.0, **more):
    """An e-process from number, sum and sum of squares of each look (Fan, Grama, Liu 2015; Howard et al. 2021): valid, and not shipped."""

    def one(rng) -> Result:
        evidence, middle, answers = np.zeros(len(LAMBDAS)), mean, 0
        for look, (canary, stable) in enumerate(looks_of(rng, mean, deviation, worse, **more)):
            answers += len(canary)
            weights = min(1.0, len(stable) / len(canary)), min(1.0, len(canary) / len(stable))
            evidence -= LAMBDAS * weights[0] * len(canary) * MARGIN
            for sign, weight, arm in ((1, weights[0], canary), (-1, weights[1], stable)):
                bet, off = LAMBDAS * weight, arm - middle
                evidence += sign * bet * off.sum() - (-np.log1p(-bet) - bet) * (off**2).sum()
            middle = (middle + stable.mean()) / 2
            if np.logaddexp.reduce(evidence) - np.log(len(LAMBDAS)) >= -np.log(ALPHA):
                return Result(True, answers, look)
        return Result(False, answers, look)

    return lambda rng, n: [one(rng) for _ in range(n)]


def z_test(mean, deviation, worse=0.0, **more):
    """A one-sided z-test of the means so far against the margin, at each look."""

    def one(rng) -> Result:
        sums = np.zeros((2, 3))
        for look, arms in enumerate(looks_of(rng, mean, deviation, worse, **more)):
            sums += [(len(arm), arm.sum(), (arm**2).sum()) for arm in arms]
            means = sums[:, 1] / sums[:, 0]
            spread = ((sums[:, 2] / sums[:, 0] - means**2) / sums[:, 0]).sum() ** 0.5
            if means[0] - means[1] - MARGIN > -ndtri(ALPHA) * max(spread, 1e-12):
                return Result(True, int(sums[0, 0]), look)
        return Result(False, int(sums[0, 0]), look)

    return lambda rng, n: [one(rng) for _ in range(n)]


BRIER = (0.15, 0.2)
"""Mean and deviation of the squared errors of a usual classifier's probabilities."""
NARROW = (0.5, 0.1)
"""Of a score that stays in the middle of its range, where a coin costs most."""


def worlds(world):
    """The rows."""
    same = "score (mean 0.15, deviation 0.2)"
    rows = [
        world(f"{same}: equal", "equal", coined(*BRIER)),
        world(f"{same}: at a margin of 0.01", "margin", coined(*BRIER, MARGIN)),
        world(f"{same}, doubling for both, share 5 → 50 %: equal", "equal", coined(*BRIER, grows=True)),
        world(f"{same}, the same: at a margin of 0.01", "margin", coined(*BRIER, MARGIN, grows=True)),
        world("score (always 0.3): equal", "equal", coined(0.3, 0.0)),
    ]
    others = {"sums of squares (not shipped)": bernstein, "z-test at each look (not shipped)": z_test}
    # Where a coin costs most it is told and not judged: 12,000 labels do not find everything there.
    for name, about, truth in (
        ("mean 0.15, deviation 0.2", BRIER, "worse"),
        ("mean 0.5, deviation 0.1", NARROW, "unjudged"),
    ):
        for worse in (0.03, 0.05, 0.1):
            rows.append(
                world(f"score ({name}): worse by {worse:g}", truth, coined(*about, worse, looks=LONG), rollouts=500)
            )
            rows += [
                world(
                    f"score ({name}): worse by {worse:g}, {rule}",
                    "unjudged",
                    test(*about, worse, looks=LONG),
                    rollouts=500,
                )
                for rule, test in others.items()
            ]
    rows += [
        world(f"{same}, doubling for both, share 5 → 50 %, {rule}: equal", "unjudged", test(*BRIER, grows=True))
        for rule, test in others.items()
    ]
    return rows
