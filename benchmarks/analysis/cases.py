"""Worlds in which equal versions were rolled back once, with the settings that nobody has touched: what blames nobody, and why."""

import numpy as np
from benchmarks.analysis.batch import Batch
from benchmarks.analysis.rollout import LOOK_SECONDS, README_STEPS, Seen, compiled, followed
from benchmarks.analysis.screen import judged

from serin_operator.decide.analysis import Difference, Value

ERRORS, ACCURACY = {"errorRate": {}}, {"accuracy": {}}
BEFORE = 8
"""Looks of stable alone."""
FIRST_SECONDS = 20
"""Of the first look of a stage: its end lies two scrapes back."""
MANY = {"8: labels for one class only, the canary grants 10 % more": 24_000}
"""Rows near the rate that is promised: with 2,000 rollouts nobody could tell."""


def _rolled_out(metric, looks, stable_pods, steps, design_effect=1.0):
    """Rollouts of which `looks(rng, world, shape, pods, is_stage)` gives (bad, total) by pod and sums over stable's clients, as arrays (rollout, look, …).

    Stable's pods come first. In a stage the first look is that of new pods.
    """
    config = compiled(metric)
    knows_pods = "accuracy" not in metric

    def run(rng, rollouts):
        world, parts = {}, []
        known, sums_before = looks(rng, world, (rollouts, BEFORE), stable_pods, False)
        for canary_pods, number in steps:
            counts, sums = looks(rng, world, (rollouts, number), stable_pods + canary_pods, True)
            stable, canary = counts[:, :, :stable_pods], counts[:, :, stable_pods:].sum(2)
            parts.append((canary, stable.sum(2), stable, sums, np.arange(number) == 0))
        canary, stable, pods, sums = (
            None if one[0] is None else np.concatenate(one, axis=1) for one in list(zip(*parts, strict=True))[:4]
        )
        begins = np.concatenate([one[4] for one in parts])
        batch = Batch(
            canary,
            stable,
            known.sum((1, 2)),
            pods if knows_pods else None,
            known.sum(1) if knows_pods else None,
            sums,
            None if sums_before is None else sums_before.sum(1),
            BEFORE,
            begins,
            np.where(begins, FIRST_SECONDS, LOOK_SECONDS),
        )
        return judged(config, batch, design_effect)

    return run


def _clients(total, bad):
    """Sums over clients, which are the last axis."""
    sums = [(total > 0), total, bad, total * total, bad * bad, total * bad]
    return np.stack([one.sum(-1) for one in sums], axis=-1)


def by_connection(metric, rates_of, a_second, stable_pods=3, steps=README_STEPS, design_effect=1.0):
    """Each client keeps one connection for a look, dealt to any pod anew; what is bad is the client's doing.

    Args:
        rates_of: From a generator and a number of rollouts to the rates of all clients, which they keep.
        a_second: Requests of each client.
    """
    sizes = np.asarray(a_second) * LOOK_SECONDS

    def looks(rng, world, shape, pods, _is_stage):
        if "rates" not in world:
            world["rates"] = rates_of(rng, shape[0])
        total = rng.poisson(sizes, (*shape, len(sizes)))
        bad, pod = rng.binomial(total, world["rates"][:, None]), rng.integers(pods, size=total.shape)
        of_pods = [np.stack([(one * (pod == number)).sum(2) for one in (bad, total)], axis=2) for number in range(pods)]
        of_stable = pod < stable_pods
        return np.stack(of_pods, axis=2), _clients(total * of_stable, bad * of_stable)

    return _rolled_out(metric, looks, stable_pods, steps, design_effect)


def nonsense(clients=20, others=0.001):
    """One of them sends only wrong shapes."""
    return lambda _rng, rollouts: np.tile([1.0, *[others] * (clients - 1)], (rollouts, 1))


def alike(clients, correlation, base=0.08):
    """Beta distributed rates with this correlation within a client."""
    spread = (1 - correlation) / correlation
    return lambda rng, rollouts: rng.beta(base * spread, (1 - base) * spread, (rollouts, clients))


def zipf(clients, a_second):
    """Requests a second of clients whose sizes fall as one over their rank."""
    shares = 1 / np.arange(1, clients + 1)
    return a_second * shares / shares.sum()


def lasting_pods(deviation, steps, a_pod=300, rate=0.01, canary_rate=None):
    """Each pod's log odds are its own for good; as many answers of each in a look. The canary may be worse."""

    def looks(rng, world, shape, pods, _is_stage):
        own = world.setdefault("own", rng.normal(0, deviation, (shape[0], 3 + max(pods for pods, _ in steps))))
        of_version = np.where(np.arange(pods) < 3, rate, canary_rate or rate)
        rates = 1 / (1 + (1 - of_version) / of_version * np.exp(-own[:, None, :pods]))
        bad = rng.binomial(a_pod, np.broadcast_to(rates, (*shape, pods)))
        return np.stack([bad, np.full_like(bad, a_pod)], axis=3), None

    return _rolled_out(ERRORS, looks, 3, steps)


def rare_errors(canary, stable, worse, earlier, base=0.001, looks=960):
    """One step of eight hours, with so many answers a look; so many of stable are all that was seen before."""
    config = compiled(ERRORS)

    def run(rng, rollouts):
        before, shape = rng.binomial(earlier, base, rollouts), (rollouts, looks)
        arms = ((canary, base + worse), (stable, base))
        counts = [np.stack([rng.binomial(n, rate, shape), np.full(shape, n)], axis=2) for n, rate in arms]
        return judged(config, Batch(*counts, np.stack([before, np.full(rollouts, earlier)], axis=1)))

    return run


def fresh_pods(rate, seconds, a_second=50, base=0.001, clients=200):
    """Each new pod of the canary fails so often in its first seconds of traffic, of which the look misses one; stable's pods are old."""

    def looks(rng, world, shape, pods, is_stage):
        known, world["pods"] = world.get("pods", 3), pods
        length, chance = np.full(shape[1], LOOK_SECONDS), np.zeros((shape[1], pods))
        if is_stage:
            length[0], chance[0, known:] = FIRST_SECONDS, min(1.0, (seconds - 1) / FIRST_SECONDS)
        total = rng.poisson(a_second * length[:, None] / pods, (*shape, pods))
        early = rng.binomial(total, chance)
        bad = rng.binomial(early, rate) + rng.binomial(total - early, base)
        each = rng.poisson(total[:, :, :3].sum(2, keepdims=True) / clients, (*shape, clients))
        return np.stack([bad, total], axis=3), _clients(each, rng.binomial(each, base))

    return _rolled_out(ERRORS, looks, 3, README_STEPS)


def selective_labels(grants, a_second=40, granted=0.3, base=0.08, risk=0.25):
    """Labels come for granted requests only; the canary is as good and grants `grants` times as many, the worse risks last."""
    config = compiled(ACCURACY)
    pods = np.repeat(*zip(*README_STEPS, strict=True))
    requests = a_second * LOOK_SECONDS / (3 + pods)

    def arms(rng, asked, shape, share, wrong):
        total = rng.poisson(asked, shape)
        labels = rng.binomial(total, share)
        return np.stack([rng.binomial(labels, wrong), labels], axis=-1), np.stack([total - labels, total], axis=-1)

    def run(rng, rollouts):
        shape = (rollouts, len(pods))
        canary, left = arms(rng, requests * pods, shape, granted * grants, base + risk * (grants - 1))
        stable, others = arms(rng, requests * 3, shape, granted, base)
        alone, _ = arms(rng, BEFORE * a_second * LOOK_SECONDS, rollouts, granted, base)
        begins = np.insert(np.diff(pods) > 0, 0, True)
        unlabelled = np.concatenate([left, others], axis=2)
        return judged(config, Batch(canary, stable, alone, begins_stage=begins, unlabelled=unlabelled))

    return run


def cpu_that_hangs_together(draw, looks=60, correlation=0.5):
    """CPU seconds for 1,000 requests, as a gate: differences of a look resemble those of the look before."""
    config = compiled({"resourceUse": {"maxIncrease": 1e-6}, "mode": "Gate"})

    def one(rng):
        noise, last = draw(rng, looks), 0.0

        def seen():
            nonlocal last
            for new in noise.tolist():
                last = correlation * last + new
                yield Seen(Value(Difference(10.0 + last, 10.0)))

        return followed(config, None, seen())

    return lambda rng, n: [one(rng) for _ in range(n)]


def worlds(world):
    """The rows, by the number of their case."""
    two_hours = ((1, 240), (3, 240))
    half_each = ((1, 10), (1, 20))
    accuracy = [
        ("2: 10 clients, correlation 0.05", 20, alike(10, 0.05), [2.0] * 10),
        ("2: 10 clients, correlation 0.2", 20, alike(10, 0.2), [2.0] * 10),
        ("3: 40 clients, correlation 0.2", 20, alike(40, 0.2), [0.5] * 40),
        ("3: 40 clients of Zipf sizes, correlation 0.05", 20, alike(40, 0.05), zipf(40, 20)),
        ("4: 5 clients of one channel each, correlation 0.02, 50/s", 50, alike(5, 0.02), [10.0] * 5),
        ("4: 10 clients of one channel each, correlation 0.02, 50/s", 50, alike(10, 0.02), [5.0] * 10),
    ]
    errors = [one for one in accuracy if "Zipf" not in one[0] and "40" not in one[0]]
    normal = lambda rng, looks: rng.normal(0, 1, looks)  # noqa: E731
    skewed = lambda rng, looks: -rng.exponential(1, looks) + 1  # noqa: E731
    rows = [
        ("1: one of 20 clients sends only nonsense, 20/s", by_connection(ERRORS, nonsense(), [1.0] * 20)),
        ("1: the same, 100/s", by_connection(ERRORS, nonsense(), [5.0] * 20)),
        ("1: the same, 10 replicas", by_connection(ERRORS, nonsense(), [1.0] * 20, 10, ((3, 10), (10, 20)))),
        ("1: the same, one replica", by_connection(ERRORS, nonsense(), [1.0] * 20, 1, half_each)),
        ("1: the same, designEffect 6", by_connection(ERRORS, nonsense(), [1.0] * 20, design_effect=6.0)),
        *((f"{name}, accuracy", by_connection(ACCURACY, rates, each)) for name, _, rates, each in accuracy),
        *((f"{name}, errors", by_connection(ERRORS, rates, each)) for name, _, rates, each in errors),
        ("5: pods differ by 0.5 in log odds, steps of two hours", lasting_pods(0.5, two_hours)),
        ("5: pods differ by 0.5 in log odds, README's steps", lasting_pods(0.5, README_STEPS)),
        ("5: pods differ by 0.2 in log odds, README's steps", lasting_pods(0.2, README_STEPS)),
        ("7: new pods fail 5 % for 15 s", fresh_pods(0.05, 15)),
        ("7: new pods fail 20 % for 5 s", fresh_pods(0.20, 5)),
        ("8: labels for one class only, as many granted", selective_labels(1.0)),
        ("8: labels for one class only, the canary grants 10 % more", selective_labels(1.1)),
        ("9: means that resemble the look before (0.5), a gate", cpu_that_hangs_together(normal)),
        ("9: means that are skewed the other way, a gate", cpu_that_hangs_together(skewed, correlation=0.0)),
    ]
    pods_alike = [
        ("errors 0.1 → 2 %", lasting_pods(0, two_hours, rate=0.001, canary_rate=0.02)),
        ("errors 1 → 2 %", lasting_pods(0, two_hours, canary_rate=0.02)),
        ("errors 1 → 3 %", lasting_pods(0, two_hours, canary_rate=0.03)),
        ("errors 1 → 5 %", lasting_pods(0, two_hours, canary_rate=0.05)),
        ("everything fails", lasting_pods(0, two_hours, canary_rate=1 - 1e-9)),
    ]
    at_margin = [
        ("6: at half a point over 0.1 %, eight hours, 1/s", rare_errors(8, 22, 0.005, 12)),
        ("6: the same, 0.3/s", rare_errors(2, 7, 0.005, 12)),
        ("6: the same, 3/s", rare_errors(22, 68, 0.005, 120)),
        ("6: the same, 10/s", rare_errors(75, 225, 0.005, 1800)),
        ("6: at half the margin, 0.3/s", rare_errors(2, 7, 0.0025, 12)),
    ]
    return [
        *(world(f"case {name}: equal", "equal", run, rollouts=MANY.get(name, 2000)) for name, run in rows),
        *(world(f"case {name}", "margin", run) for name, run in at_margin),
        *(
            world(f"case 5: pods that are alike, {name} (answers of the canary)", "worse", run, rollouts=500)
            for name, run in pods_alike
        ),
    ]
