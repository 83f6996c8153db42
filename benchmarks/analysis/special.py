"""Worlds that are more than a stream of counts: clusters, weight changes within a look, many metrics, other evidence."""

import numpy as np
from benchmarks.analysis.engine import Result, judge_samples, single, value, with_before

from serin_operator.decide.analysis import (
    BY_CONNECTION,
    AnalysisConfig,
    AnalysisState,
    Arm,
    Comparison,
    Difference,
    Drift,
    Fail,
    Histograms,
    Look,
    MeanDifference,
    Metric,
    OddsRatio,
    Role,
    Spread,
    Stratum,
    Value,
    judge_look,
    look_counts,
)

PLAIN = Comparison(OddsRatio(1.0))


def clustered(use_design_effect, clients=40, requests=100, pods=5, looks=60, base=0.08, correlation=0.05, increase=0.0):
    """Connections of 40 clients are dealt to one canary and four stable pods at every look; each client has a rate of
    its own. φ is taken from the looks before, `Spread`'s way."""
    config = single(PLAIN)
    shape = (1 - correlation) / correlation

    def samples(rng):
        rates = rng.beta(base * shape, (1 - base) * shape, clients)
        spread = Spread()
        for _ in range(looks):
            pod = rng.integers(0, pods, clients)
            bad = (
                np.bincount(pod, rng.binomial(requests, np.minimum(rates + increase * (pod == 0), 1)), pods)
                .astype(int)
                .tolist()
            )
            total = np.bincount(pod, np.full(clients, requests), pods).astype(int).tolist()
            phi = spread.design_effect(BY_CONNECTION) if use_design_effect else 1.0
            yield value([(bad[0], total[0], sum(bad[1:]), sum(total[1:]))], design_effect=phi)
            spread = spread.after([Arm(*one) for one in zip(bad[1:], total[1:], strict=True)])

    return lambda rng, n: [judge_samples(config, AnalysisState(), samples(rng)) for _ in range(n)]


def weight_changes_within_looks(dropping, looks=60):
    """Weights 5, 25, 50 %; changes fall in the middle of looks, and there the base rate jumps for a look."""
    config = single(PLAIN)
    changes = [15 * 30.0 + 15.0, 35 * 30.0 + 15.0]

    def half(rng, second):
        weight = (0.05, 0.25, 0.50)[sum(second >= change for change in changes)]
        rate = 0.20 if any(0 <= second - change < 15 for change in changes) else 0.05
        canary = int(rng.binomial(1000, weight))
        return rng.binomial(canary, rate), canary, rng.binomial(1000 - canary, rate), 1000 - canary

    def samples(rng):
        for look in range(looks):
            since = look * 30.0
            counts = np.add(half(rng, since), half(rng, since + 15)).tolist()
            stratum = Stratum(Arm(*counts[:2]), Arm(*counts[2:]))
            yield Value(look_counts(Look(since, since + 30), stratum, changes if dropping else []))

    return lambda rng, n: [judge_samples(config, with_before(config, ()), samples(rng)) for _ in range(n)]


def ten_metrics_of_twenty_slices(looks=10):
    """Two hundred tests share 1 %."""
    slices = tuple(f"s{number}" for number in range(20))
    config = AnalysisConfig(tuple(Metric(f"m{number}", PLAIN, slices=slices) for number in range(10)))
    keys = [key for metric in config.metrics for key in metric.keys]
    base = np.repeat(np.linspace(0.02, 0.3, 10), 20)

    def one(rng) -> Result:
        state = AnalysisState()
        for look in range(looks):
            bad_canary, bad_stable = rng.binomial(20, base).tolist(), rng.binomial(80, base).tolist()
            seen = {key: value([(a, 20, b, 80)]) for key, a, b in zip(keys, bad_canary, bad_stable, strict=True)}
            state, verdicts = judge_look(config, state, seen)
            if any(isinstance(verdict, Fail) for verdict in verdicts.values()):
                return Result(True, 20 * (look + 1), look)
        return Result(False, 20 * looks, looks)

    return lambda rng, n: [one(rng) for _ in range(n)]


def _judged(config, samples) -> Result:
    state = AnalysisState()
    for look, sample in enumerate(samples):
        state, verdicts = judge_look(config, state, {"m": Value(sample)})
        if isinstance(verdicts["m"], Fail):
            return Result(True, 0, look)
    return Result(False, 0, len(samples))


def means(draw, looks, shift=0.0):
    """Differences of means within looks, with a drift that both arms feel."""
    config = AnalysisConfig((Metric("m", MeanDifference(), Role.WARNING),))

    def one(rng):
        drift = np.cumsum(rng.normal(0, 1, looks))
        noise = draw(rng, looks)
        return _judged(
            config, [Difference(d + e + shift, d) for d, e in zip(drift.tolist(), noise.tolist(), strict=True)]
        )

    return lambda rng, n: [one(rng) for _ in range(n)]


def predictions(shift, looks=60):
    """Ten bins of a score, canary against stable; `shift` moves the canary's, in standard deviations."""
    config = single(Drift(max_psi=0.1))
    edges = np.linspace(-2, 2, 9)

    def histogram(rng, mean, size):
        return tuple(np.bincount(np.searchsorted(edges, rng.normal(mean, 1, size)), minlength=10).tolist())

    def one(rng):
        return _judged(config, [Histograms(histogram(rng, shift, 200), histogram(rng, 0, 800)) for _ in range(looks)])

    return lambda rng, n: [one(rng) for _ in range(n)]


def worlds(world):
    normal = lambda rng, looks: rng.normal(0, 1, looks)  # noqa: E731
    heavy = lambda rng, looks: rng.standard_t(3, looks)  # noqa: E731
    skewed = lambda rng, looks: rng.exponential(1, looks) - 1  # noqa: E731
    return [
        world("connections of 40 clients, correlation 0.05, with the design effect: equal", "equal", clustered(True)),
        world(
            "connections of 40 clients, correlation 0.1, default meant for 0.05: equal",
            "unjudged",
            clustered(True, correlation=0.1),
        ),
        world(
            "connections of 40 clients, correlation 0.01, with the design effect: equal",
            "equal",
            clustered(True, correlation=0.01),
        ),
        world(
            "connections of 40 clients, correlation 0.05, worse by 4 points",
            "worse",
            clustered(True, increase=0.04),
            rollouts=500,
        ),
        world("the same without the design effect (not shipped so): equal", "unjudged", clustered(False)),
        world("weight changes within looks, base jumps there: equal", "equal", weight_changes_within_looks(True)),
        world("the same, looks not dropped (not shipped so): equal", "unjudged", weight_changes_within_looks(False)),
        world("ten metrics of twenty slices: equal", "equal", ten_metrics_of_twenty_slices()),
        world("means, normal differences, 60 looks: equal (asymptotic)", "equal", means(normal, 60)),
        world("means, normal differences, 300 looks: equal (asymptotic)", "equal", means(normal, 300)),
        world("means, heavy tails (t, 3 degrees), 300 looks: equal (asymptotic)", "equal", means(heavy, 300)),
        world("means, skewed (exponential), 300 looks: equal (asymptotic)", "unjudged", means(skewed, 300)),
        world(
            "means, skewed the other way, 300 looks: equal (asymptotic)",
            "unjudged",
            means(lambda rng, looks: -skewed(rng, looks), 300),
        ),
        world("means, worse by one deviation, 60 looks", "worse", means(normal, 60, 1.0), rollouts=500),
        world("prediction drift, none, bound 0.1: equal", "unjudged", predictions(0.0), rollouts=500),
        world("prediction drift, half a deviation, bound 0.1", "unjudged", predictions(0.5), rollouts=500),
    ]
