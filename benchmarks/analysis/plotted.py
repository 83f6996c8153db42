"""The plot beside the report."""

from benchmarks.analysis.figures import SERIN
from benchmarks.analysis.table import EFFECTS, sweep_name

from serin_operator.decide.analysis import expected_labels


def plot(results: dict, path) -> None:
    """Left: good canaries rolled back, by look. Right: answers until a worse canary is found, by effect."""
    import matplotlib as mpl  # noqa: PLC0415  only needed here, and slow to import

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.6), layout="constrained")
    colours = dict(
        zip(
            (SERIN, *_rules(results)),
            ("#d62728", "#8c8c8c", "#b0b0b0", "#5f5f5f", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"),
            strict=False,
        )
    )
    row = results["table"][1]
    looks = 200
    for rule, curve in row["rolledBackByLook"].items():
        full = [*curve, *[curve[-1]] * (looks - len(curve))][:looks]
        left.plot(
            range(1, looks + 1),
            [100 * max(one, 1e-5) for one in full],
            color=colours[rule],
            label=rule,
            lw=2.6 if rule == SERIN else 1.4,
        )
    left.axhline(1, color="black", ls=":", lw=1)
    left.annotate("promised: 1 %", (looks, 1), ha="right", va="bottom", fontsize=9)
    left.set(
        xlabel="looks",
        ylabel="good canaries rolled back, %",
        yscale="log",
        ylim=(0.04, 140),
        title="A canary exactly as good as stable (50 + 950 labels a look)",
    )
    left.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncol=2, frameon=False)
    effects = [100 * one for one in EFFECTS]
    by_name = {one["name"]: one for one in results["sweep"]}
    found = [by_name[sweep_name(one)] for one in EFFECTS if sweep_name(one) in by_name]
    for rule in (SERIN, "z-test at each look", "Mann-Whitney at each look", "cumulative asymptotic sequence"):
        right.plot(
            effects[: len(found)],
            [one["rules"][rule]["medianCanaryAnswers"] for one in found],
            "o-",
            color=colours[rule],
            label=rule,
            lw=2.6 if rule == SERIN else 1.4,
            ms=4,
        )
    right.plot(
        effects,
        [expected_labels(one, 0.08, 20) for one in EFFECTS],
        "--",
        color="#d62728",
        lw=1,
        label="expected_labels(), before the rollout",
    )
    right.set(
        xlabel="canary worse by, points (stable: 8 % wrong)",
        ylabel="median canary labels until rolled back",
        yscale="log",
        title="How soon a worse canary is found (200 + 800 labels a look)",
    )
    right.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncol=2, frameon=False)
    left.yaxis.set_major_formatter("{x:g}")
    right.yaxis.set_major_formatter("{x:,.0f}")
    for axes in (left, right):
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def _rules(results: dict) -> list[str]:
    return [rule for rule in results["table"][0]["rules"] if rule != SERIN]
