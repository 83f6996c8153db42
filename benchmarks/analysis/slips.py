"""What slips through: how often a canary that is worse is promoted, by traffic and labels. From the shipped engine.

    python -m benchmarks.analysis.slips [--rollouts 1000]

writes SLIPS.md beside this file. The rollout: 25 % for 300 s, 50 % for 600 s, a look each 30 s, stable 92 % right, α = 1 %, margin one point,
`minSamples: 100`, a rollout that has not its evidence or samples waits, up to
eight times as long as its steps, and is not promoted then.
"""

import argparse
from pathlib import Path

import numpy as np
from benchmarks.analysis.attacked import _one

from serin_operator.decide.analysis import (
    AnalysisState,
    Arm,
    Evidence,
    Fail,
    Paired,
    Pairs,
    Pass,
    Proportions,
    Stratum,
    Value,
    accuracy,
    begin_step,
    judge_look,
)

HERE = Path(__file__).parent
STEPS = ((0.25, 10), (0.50, 20))  # share, looks
TRAFFIC = ((3, 0.05), (10, 0.05), (10, 0.2), (30, 0.2), (100, 0.2), (10, 1.0), (100, 1.0))
EFFECTS = (0.01, 0.02, 0.05, 0.10)
PAIRED_SHARE = 0.25
PATIENCE = 8
RULES = {
    "NoHarm": accuracy(),
    "NoHarm, a quarter in pairs": accuracy(paired=Paired.AUTO),
    "NonInferior": accuracy(evidence=Evidence.NON_INFERIOR),
    "NonInferior, a quarter in pairs": accuracy(evidence=Evidence.NON_INFERIOR, paired=Paired.AUTO),
}


def is_promoted(rng, rule, worse, requests, labelled):
    """One rollout. Rows on which the versions differ: 2 % and the difference itself."""
    config, state = _one(rule), AnalysisState()
    labels = requests * 30 * labelled
    before = int(8 * labels)
    state, _ = judge_look(config, state, {"m": Value(Proportions((), Arm(int(rng.binomial(before, 0.08)), before)))})
    for share, looks in STEPS:
        state, passed = begin_step(state), False
        for look in range(PATIENCE * looks):
            state, verdicts = judge_look(config, state, {"m": _seen(rng, rule, worse, labels, share)})
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
        Stratum(Arm(int(rng.binomial(canary, 0.08 + worse)), canary), Arm(int(rng.binomial(stable, 0.08)), stable)),
    )
    return Value(Proportions(strata, pairs=Pairs(only_canary, only_control, total)))


def main() -> None:
    """Simulate and write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rollouts", type=int, default=1000)
    rollouts = arguments.parse_args().rollouts
    lines = [
        "# What slips through",
        "",
        f"Written by `python -m benchmarks.analysis.slips`; {rollouts} rollouts a cell. Do not edit.",
    ]
    lines += ["", "Share of canaries promoted although they are worse by so many points.", ""]
    head = (
        "| evidence | requests/s, share labelled | " + " | ".join(f"−{100 * one:g}" for one in EFFECTS) + " | equal |"
    )
    lines += [head, "|---|---|" + "---:|" * (len(EFFECTS) + 1)]
    for name, rule in RULES.items():
        for requests, labelled in TRAFFIC:
            cells = []
            for worse in (*EFFECTS, 0.0):
                rng = np.random.default_rng([20261126, requests, int(100 * labelled), int(1000 * worse)])
                promoted = sum(is_promoted(rng, rule, worse, requests, labelled) for _ in range(rollouts))
                cells.append(f"{100 * promoted / rollouts:.0f} %")
            lines.append(f"| {name} | {requests}, {100 * labelled:g} % | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    (HERE / "SLIPS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
