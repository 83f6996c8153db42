"""What slips through: how often a canary that is worse is promoted, by traffic and labels. From the shipped engine.

    python -m benchmarks.analysis.slips [--rollouts 100] [--processes 2]

writes docs/reference/slips.md. The rollout: 25 % for 300 s, 50 % for 600 s, a look each 30 s, stable 92 % right, α = 1 %, margin one point. A
rollout that has not its evidence or samples waits, up to eight times as long as its steps, and is not promoted then. A cell has a seed of its own, so
figures do not depend on the number of processes.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Comparison,
    Evidence,
    Fail,
    Metric,
    Paired,
    Pairs,
    Pass,
    Points,
    Proportions,
    Stratum,
    Value,
    accuracy,
    begin_step,
    judge_look,
    labels_for,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "slips.md"
STEPS = ((0.25, 10), (0.50, 20))  # share, looks
TRAFFIC = ((3, 0.05), (10, 0.05), (10, 0.2), (100, 0.2), (100, 1.0))
EFFECTS = (0.01, 0.02, 0.05, 0.10)
BAD = 0.08
PAIRED_SHARE = 0.25
PATIENCE = 8
LEAST = 100


@dataclass(frozen=True)
class Asked:
    """What a rollout asks for; `detect` is what each step has to find with a probability of 0.8 (`minSamples: Auto`)."""

    rule: Comparison = field(default_factory=accuracy)
    detect: float = 0.0


@cache
def _config(asked: Asked, share: float) -> AnalysisConfig:
    """At a step."""
    if not asked.detect:
        return AnalysisConfig((Metric("m", asked.rule),), min_samples=LEAST)
    needed = labels_for(asked.detect, BAD, 100 * share, power=0.8, margin=Points(asked.rule.points))
    return AnalysisConfig((Metric("m", asked.rule, min_samples=round(needed)),))


RULES = {
    "NoHarm, `minSamples` 100": Asked(),
    "the same, a quarter in pairs": Asked(accuracy(paired=Paired.AUTO)),
    "NoHarm, `minSamples: Auto, detect: 0.05`": Asked(detect=0.05),
    "NonInferior": Asked(accuracy(evidence=Evidence.NON_INFERIOR)),
    "the same, a quarter in pairs ": Asked(accuracy(evidence=Evidence.NON_INFERIOR, paired=Paired.AUTO)),
}


def is_promoted(rng, asked, worse, requests, labelled):
    """One rollout. Rows on which the versions differ: 2 % and the difference itself."""
    state = AnalysisState()
    labels = requests * 30 * labelled
    before = int(8 * labels)
    alone = Value(Proportions((), Arm(int(rng.binomial(before, BAD)), before)))
    state, _ = judge_look(_config(asked, STEPS[0][0]), state, {"m": alone})
    for share, looks in STEPS:
        config = _config(asked, share)
        state, passed = begin_step(state), False
        for look in range(PATIENCE * looks):
            state, verdicts = judge_look(config, state, {"m": _seen(rng, asked.rule, worse, labels, share)})
            if isinstance(verdicts["m"], Fail):
                return False
            passed = look + 1 >= looks and isinstance(verdicts["m"], Pass)
            if passed:
                break
        if not passed:
            return False
    return True


def _seen(rng, rule, worse, labels, share):
    canary, stable = (int(rng.poisson(labels * part)) for part in (share, 1 - share))
    pairs = canary * PAIRED_SHARE if rule.paired is not Paired.OFF else 0
    only_canary, only_control = (int(rng.poisson(pairs * rate)) for rate in (0.01 + worse, 0.01))
    total = max(int(pairs), only_canary + only_control)
    strata = (
        Stratum(Arm(int(rng.binomial(canary, BAD + worse)), canary), Arm(int(rng.binomial(stable, BAD)), stable)),
    )
    return Value(Proportions(strata, pairs=Pairs(only_canary, only_control, total)))


def promoted(name, requests, labelled, worse, rollouts) -> int:
    """Of so many rollouts of one cell."""
    rng = np.random.default_rng([20261126, list(RULES).index(name), requests, int(100 * labelled), int(1000 * worse)])
    return sum(is_promoted(rng, RULES[name], worse, requests, labelled) for _ in range(rollouts))


_HEAD = """\
# What slips through

<!-- Written by python -m benchmarks.analysis.slips; do not edit. -->

The other error: how often a version that is *worse* is promoted. Each cell is the share of {rollouts} simulated rollouts, judged by the shipped engine, that
ended in a promotion: `accuracy: {{maxDecrease: 0.01}}`, stable 92 % right, steps of 25 % for 5 min and 50 % for 10 min, a look each 30 s, labels at
once. A rollout that has not its samples or evidence waits for up to eight times as long (two hours, the default deadline), and is not promoted then; so "equal" is how often a good version gets through in that time.

`NoHarm` (the default) promotes what nothing speaks against: `minSamples`, time and traffic decide how bad a version can be. `NonInferior` promotes nothing beyond the margin more
often than `falsePromotionRate`, and asks for labels in return. [`kubectl serin lint`](../cli.md) estimates it for a resource; [Judging a canary](../analysis.md) says what to choose.

How to read it: a row of 0 % everywhere means that two hours bring too few labels, so that every version waits; where even equal ones seldom get through, the other cells are small for that reason. {rollouts} rollouts a cell are good to about ten points. Below a label a second take pairs, or a longer deadline.

"""


def main() -> None:
    """Simulate and write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rollouts", type=int, default=100)
    arguments.add_argument("--processes", type=int, default=2)
    said = arguments.parse_args()
    effects = (0.0, *EFFECTS)
    cells = [(name, *traffic, worse) for name in RULES for traffic in TRAFFIC for worse in effects]
    with ProcessPoolExecutor(said.processes) as pool:
        found = dict(
            zip(cells, pool.map(promoted, *zip(*cells, strict=True), [said.rollouts] * len(cells)), strict=True)
        )
    lines = [
        "| asked for | requests/s, share with labels | equal | "
        + " | ".join(f"−{100 * one:g} points" for one in EFFECTS)
        + " |"
    ]
    lines.append("|---|---|" + "---:|" * len(effects))
    for name in RULES:
        for requests, labelled in TRAFFIC:
            shares = (f"{100 * found[name, requests, labelled, worse] / said.rollouts:.0f} %" for worse in effects)
            lines.append(f"| {name.strip()} | {requests}, {100 * labelled:g} % | {' | '.join(shares)} |")
    PAGE.write_text(_HEAD.format(rollouts=said.rollouts) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
