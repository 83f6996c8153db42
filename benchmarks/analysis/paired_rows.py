"""Pairs and agreement, from the spec to the verdict: rows on which the versions differ, labels that are late, controls that fail."""

import numpy as np
from benchmarks.analysis.batch import Batch
from benchmarks.analysis.rollout import LOOK_SECONDS, compiled
from benchmarks.analysis.screen import judged

from serin_server.metrics.server import AGE_BOUNDS

PAIRS = 25
"""A look."""
NONE, HALF, POINT = 1e-9, 0.005, 0.01
"""Margins: nothing, half a point, one point (the default)."""
MANY = {"labels sooner when the canary was wrong: equal": 8_000}
"""Rows near the rate that is promised: with 2,000 rollouts nobody could tell."""


def accuracy(margin=POINT, **more):
    """Compiled as for a resource with pairing."""
    return compiled({"accuracy": {"maxDecrease": margin}, **more}, pairing={"sample": 0.1})


def counted(config, differing, worse, looks, a_look=PAIRS, *, labels=True):
    """A share of the rows is answered differently, the same in all looks or one for each; the canary is worse by so much."""
    differing = np.broadcast_to(differing, looks)
    chances = np.stack([(differing + worse) / 2, (differing - worse) / 2, 1 - differing], axis=1)

    def run(rng, rollouts):
        only = rng.multinomial(a_look, chances, (rollouts, looks))[:, :, :2]
        total = np.full((rollouts, looks, 1), a_look)
        pairs = np.concatenate([only, total], axis=2) if labels else None
        return judged(config, Batch(pairs=pairs, differing=np.concatenate([only.sum(2, keepdims=True), total], axis=2)))

    return run


def clustered(config, users=20, looks=100):
    """Users differ in how often the versions differ for them, and in how often they ask; for each the versions are as good."""

    def run(rng, rollouts):
        differing, sizes = rng.beta(0.5, 7.5, (rollouts, users)), rng.dirichlet(np.full(users, 0.5), rollouts)
        each = np.stack([rng.multinomial(PAIRS, one, looks) for one in sizes])
        both = rng.binomial(each, differing[:, None])
        only_canary = rng.binomial(both, 0.5).sum(2)
        pairs = np.stack([only_canary, both.sum(2) - only_canary, each.sum(2)], axis=2)
        return judged(config, Batch(pairs=pairs))

    return run


def late(config, when_wrong, when_right, differing=0.06, looks=60, a_look=2 * PAIRS, base=0.08, worse=0.0):
    """Labels come later or sooner when the answer that the client saw, the canary's, was wrong: means in looks."""
    only, other = (differing + worse) / 2, (differing - worse) / 2
    kinds = np.array([only, other, base - other])  # only the canary, only stable, both
    places = _places(looks)

    def run(rng, rollouts):
        made = rng.multinomial(a_look, [*kinds, 1 - kinds.sum()], (rollouts, looks))
        arrived = np.zeros((rollouts, looks, places[-1] + 1, 4), int)
        for kind, mean in enumerate((when_wrong, when_right, when_wrong, when_right)):
            chances = np.diff(1 - np.exp(-np.arange(looks + 1) / mean))
            for look in range(looks):
                in_time = chances[: looks - look]
                came = rng.multinomial(made[:, look, kind], [*in_time, 1 - in_time.sum()])
                for later in range(looks - look):
                    arrived[:, look + later, places[later], kind] += came[:, later]
        ages = np.stack([arrived[..., 0], arrived[..., 1], arrived.sum(3)], axis=3)
        differ = np.stack([made[:, :, :2].sum(2), np.full((rollouts, looks), a_look)], axis=2)
        return judged(config, Batch(pairs=ages.sum(2), pair_ages=ages, differing=differ))

    return run


def _places(looks):
    """Of a label that comes so many looks after the prediction, among the ages that servers count by."""
    seconds = (np.arange(looks) + 0.5) * LOOK_SECONDS
    return np.searchsorted([float(one) for one in AGE_BOUNDS], seconds)


def silent(config, unanswered, differing=0.06, positive=0.3, looks=60, a_look=100):
    """Two classes; the control leaves a share of the requests unanswered, which depends on what the two answer.

    Args:
        unanswered: From the classes that canary and control answer, and whether they differ, to the chance of no answer.
    """

    def run(rng, rollouts):
        shape = (rollouts, looks, a_look)
        differs = rng.random(shape) < differing
        is_wrong = rng.random(shape) < np.where(differs, 0.5, 0.05)
        canary = (rng.random(shape) < positive) ^ is_wrong
        answered = rng.random(shape) >= unanswered(canary, canary ^ differs, differs)
        there = differs & answered
        pairs = np.stack([(there & is_wrong).sum(2), (there & ~is_wrong).sum(2), answered.sum(2)], axis=2)
        of_class = [(~answered & ~canary).sum(2), (~canary).sum(2), (~answered & canary).sum(2), canary.sum(2)]
        return judged(config, Batch(pairs=pairs, unanswered=np.stack(of_class, axis=2)))

    return run


def beside(config, worse, canary=150, stable=450, share=0.02, differing=0.06, looks=40, base=0.08):
    """A small share of the canary's labels is of pairs, all are compared with stable's too: one budget for both."""
    kinds = np.array([(differing + worse) / 2, (differing - worse) / 2, base - (differing - worse) / 2])

    def run(rng, rollouts):
        shape = (rollouts, looks)
        total = rng.binomial(canary, share, shape)
        only, other, both, _ = np.moveaxis(rng.multinomial(total, [*kinds, 1 - kinds.sum()]), 2, 0)
        bad = only + both + rng.binomial(canary - total, base + worse)
        arms = [np.stack([bad, np.full(shape, canary)], axis=2)]
        arms.append(np.stack([rng.binomial(stable, base, shape), np.full(shape, stable)], axis=2))
        return judged(config, Batch(*arms, pairs=np.stack([only, other, total], axis=2)))

    return run


def worlds(world):
    """The rows."""
    drifting = np.linspace(0.04, 0.14, 100)
    sure = {"evidence": "NonInferior"}
    rows = [
        ("equal, 6 % differing, no margin", "equal", counted(accuracy(NONE), 0.06, 0.0, 100)),
        ("equal, differing 4 → 14 %, no margin", "equal", counted(accuracy(NONE), drifting, 0.0, 100)),
        ("equal, twenty users that differ, no margin", "equal", clustered(accuracy(NONE))),
        ("at a margin of half a point, 6 % differing", "margin", counted(accuracy(HALF), 0.06, HALF, 100)),
        ("at a margin of 1 point, 6 % differing", "margin", counted(accuracy(), 0.06, POINT, 100)),
        ("at a margin of 1 point, 1 % differing", "margin", counted(accuracy(), 0.01, POINT, 100)),
        ("at a margin of 1 point, differing 4 → 14 %", "margin", counted(accuracy(), drifting, POINT, 100)),
        ("labels late: equal", "equal", late(accuracy(), 10, 10)),
        ("labels later when the canary was wrong: equal", "equal", late(accuracy(), 20, 5)),
        ("labels sooner when the canary was wrong: equal", "equal", late(accuracy(), 5, 20)),
        ("half unanswered by the control: equal", "equal", silent(accuracy(), lambda *_: 0.5)),
        (
            "unanswered by the control on hard rows: equal",
            "equal",
            silent(accuracy(), lambda _canary, _control, differs: np.where(differs, 0.8, 0.1)),
        ),
        (
            "control slow for one class: equal",
            "equal",
            silent(accuracy(), lambda _canary, control, _differs: np.where(control, 0.8, 0.02)),
        ),
        (
            "control a little slow for one class: equal",
            "equal",
            silent(accuracy(), lambda _canary, control, _differs: np.where(control, 0.2, 0.02)),
        ),
        ("2 % of the labels in pairs: equal", "equal", beside(accuracy(), 0.0)),
        ("2 % of the labels in pairs: at a margin of 1 point", "margin", beside(accuracy(), POINT)),
    ]
    found = [
        ("−2 points, 6 % differing, no margin", 0.06, 0.02, 1800),
        ("−1 point, 2 % differing, no margin", 0.02, 0.01, 2400),
    ]
    waiting = [
        ("labels late: 5 points worse, 10 % differing", late(accuracy(), 10, 10, 0.10, 120, base=0.10, worse=0.05)),
        (
            "labels sooner when wrong: 5 points worse, 10 % differing",
            late(accuracy(), 5, 20, 0.10, 120, base=0.10, worse=0.05),
        ),
    ]
    shown = [
        ("agreement at the margin of 1 point, no label", 0.01, 0.0, False),
        ("non-inferiority at the margin of 1 point, 6 % differing", 0.06, POINT, True),
        ("non-inferiority at the margin of 1 point, 1 % differing", 0.01, POINT, True),
    ]
    return [
        *(world(f"pairs: {name}", truth, run, rollouts=MANY.get(name, 2000)) for name, truth, run in rows),
        *(world(f"pairs: {name}", "worse", counted(accuracy(NONE), *of, 400), most=most) for name, *of, most in found),
        *(world(f"pairs: {name} (labels of the canary)", "worse", run, rollouts=500) for name, run in waiting),
        *(
            world(f"pairs: {name}", "promotion", counted(accuracy(**sure), *of, 150, labels=labels), 0.05)
            for name, *of, labels in shown
        ),
        world(
            "pairs: agreement, 0.3 % differing, no label",
            "better",
            counted(accuracy(**sure), 0.003, 0.0, 400, labels=False),
            rollouts=500,
            most=1500,
        ),
    ]
