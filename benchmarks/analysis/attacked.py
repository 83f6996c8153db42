"""Worlds that broke the engine once: clients, pods that last, selective labels, pairs. Each gives the last verdict of a rollout."""

import numpy as np

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Clients,
    Fail,
    Metric,
    Pairs,
    PodScatter,
    Proportions,
    Reason,
    Stratum,
    Value,
    accuracy,
    error_rate,
    judge_look,
)


def _judged(config, samples):
    """Look after look until a Fail or a proof; the verdict, which also tells how many looks it took (`judged.looks`)."""
    state, verdict = AnalysisState(), None
    for sample in samples:
        state, verdicts = judge_look(config, state, {"m": sample})
        verdict = verdicts["m"]
        if isinstance(verdict, Fail) or verdict.reason is Reason.NON_INFERIOR:
            break
    return verdict


def _one(rule):
    return AnalysisConfig((Metric("m", rule),))


def _arm(bad, total):
    return Arm(int(bad.sum()), int(total.sum()))


def _sums(bad, total):
    squares = ((total * total).sum(), (bad * bad).sum(), (total * bad).sum())
    return Clients(len(total), 1, *(int(one) for one in (total.sum(), bad.sum(), *squares)))


def clients(number, *, correlation=0.0, nonsense=0, answers=600, share=0.25, looks=40, increase=0.0, base=0.08):
    """Connections of clients are dealt anew at each look; φ is measured by client, eight looks before the canary and on."""
    rule = error_rate() if nonsense else accuracy()

    def samples(rng):
        spread = (1 - correlation) / correlation if correlation else 0
        rates = rng.beta(base * spread, (1 - base) * spread, number) if correlation else np.full(number, 0.001)
        rates[:nonsense] = 1.0
        total = np.full(number, answers // number)
        known = Clients()
        before = [rng.binomial(total, rates) for _ in range(8)]
        for bad in before:
            known += _sums(bad, total)
        yield Value(Proportions((), _arm(sum(before), 8 * total)))
        for _ in range(looks):
            dealt = rng.random(number) < share
            bad = rng.binomial(total, np.minimum(rates + increase * dealt, 1))
            stratum = Stratum(_arm(bad[dealt], total[dealt]), _arm(bad[~dealt], total[~dealt]))
            yield Value(Proportions((stratum,)), known.design_effect(1.0))
            known += _sums(bad[~dealt], total[~dealt])

    return lambda rng: _judged(_one(rule), samples(rng))


def lasting_pods(deviation, looks=240, pods=3, answers=300, rate=0.01):
    """Each pod's log odds are its own for good; one pod of the canary beside three of stable, seen before for eight looks."""

    def samples(rng):
        logit = np.log(rate / (1 - rate)) + rng.normal(0, deviation, pods + 1)
        rates = 1 / (1 + np.exp(-logit))
        seen = PodScatter()
        for look in range(-8, looks):
            bad = rng.binomial(answers, rates).tolist()
            stable = Arm(sum(bad[1:]), pods * answers)
            if look < 0:
                yield Value(Proportions((), stable))
            else:
                stratum = Stratum(Arm(bad[0], answers), stable)
                yield Value(Proportions((stratum,)), between_pods=seen.log_odds())
            seen = seen.after([Arm(one, answers) for one in bad[1:]])

    return lambda rng: _judged(_one(error_rate()), samples(rng))


def selective_labels(grants, looks=60, canary=600, stable=1800):
    """Labels come for granted requests only; the canary is as good and grants `grants` times as many, the worse risks last."""

    def samples(rng):
        yield Value(Proportions((), Arm(360, 4500)))
        for _ in range(looks):
            granted_c, granted_s = int(rng.binomial(canary, 0.3 * grants)), int(rng.binomial(stable, 0.3))
            wrong_c = int(rng.binomial(granted_c, 0.08 + 0.25 * (grants - 1)))
            stratum = Stratum(Arm(wrong_c, granted_c), Arm(int(rng.binomial(granted_s, 0.08)), granted_s))
            missing = Stratum(Arm(canary - granted_c, canary), Arm(stable - granted_s, stable))
            yield Value(Proportions((stratum,), unlabelled=(missing,)))

    return lambda rng: _judged(_one(accuracy()), samples(rng))


def pairs(rule, worse, discordant, looks=200, labels_a_look=25, labels=True):
    """Pairs, labelled or not; a version that differs on so many rows and is worse by `worse`."""

    def samples(rng):
        chances = ((discordant + worse) / 2, (discordant - worse) / 2, 1 - discordant)
        for _ in range(looks):
            only_canary, only_control, _ = rng.multinomial(labels_a_look, chances).tolist()
            seen = Pairs(only_canary, only_control, labels_a_look) if labels else Pairs()
            yield Value(Proportions(pairs=seen, differing=Arm(only_canary + only_control, labels_a_look)))

    return lambda rng: _judged(_one(rule), samples(rng))
