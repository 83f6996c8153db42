"""From outcomes to figures: shares with exact intervals, medians, a Markdown table and the plot."""

import json
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.analysis.chain import rows as chain
from benchmarks.analysis.table import EFFECTS, ROWS, sweep_name
from benchmarks.analysis.worlds import worlds
from scipy.stats import beta

from serin_operator.decide.analysis import expected_labels

SERIN = "Serin"


def merge(chunks: list[dict]) -> dict:
    """Join chunks: lists end to end, dictionaries of lists key by key."""
    first = chunks[0]
    return {
        key: {rule: [x for c in chunks for x in c[key][rule]] for rule in first[key]}
        if isinstance(first[key], dict)
        else [x for c in chunks for x in c[key]]
        for key in first
    }


def share(fired: list) -> dict:
    """How many fired, with the exact 95 % interval of Clopper and Pearson 1934."""
    n, x = len(fired), sum(one is not None for one in fired)
    low = float(beta.ppf(0.025, x, n - x + 1)) if x else 0.0
    high = float(beta.ppf(0.975, x + 1, n - x)) if x < n else 1.0
    return {"rollouts": n, "fired": x, "share": x / n, "low": round(low, 6), "high": round(high, 6)}


def median_answers(fired: list) -> float | None:
    """Median over all rollouts; None when less than half fired."""
    middle = median(np.inf if one is None else one for one in fired)
    return None if np.isinf(middle) else float(middle)


def line(kind: str, name: str, done: dict) -> str:
    """One line of progress."""
    fired = done["answers"][SERIN] if kind == "table" else done["failed"]
    extra = "" if kind == "table" else f"; non-inferior {share(done['non_inferior'])['share']:.2%}"
    got = share(fired)
    return f"{name}: {got['share']:.2%} (≤ {got['high']:.2%}), median {median_answers(fired)}{extra}"


def keep(path: Path, kind: str, name: str, outcome: dict) -> None:
    """Put one row's figures into results.json, in the order of the tables, over what stood there before."""
    known = json.loads(path.read_text()) if path.exists() else {}
    entry = table_entry(name, outcome) if kind == "table" else world_entry(name, outcome)
    part = "worlds" if kind == "world" else "sweep" if entry["truth"] == "sweep" else "table"
    rows = {one["name"]: one for one in known.get(part, [])} | {name: entry}
    order = [one.name for one in (worlds() if kind == "world" else ROWS)]
    known = {"falseRollbackRate": 0.01, "table": [], "sweep": [], "worlds": [], **known}
    known[part] = [rows[one] for one in order if one in rows]
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


def keep_others(path: Path, name: str, outcome: dict) -> None:
    """What the rules of others do on a row of the table, beside what is there."""
    known = json.loads(path.read_text())
    for row in [*known["table"], *known["sweep"]]:
        if row["name"] == name:
            row["rules"] = {SERIN: row["rules"][SERIN], **_by_rule(outcome)}
            if "rolledBackByLook" in row:
                curves = {rule: _curve(looks) for rule, looks in outcome["looks"].items()}
                row["rolledBackByLook"] = {SERIN: row["rolledBackByLook"][SERIN], **curves}
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")


def _by_rule(outcome: dict) -> dict:
    answers = outcome["answers"].items()
    return {rule: {**share(fired), "medianCanaryAnswers": median_answers(fired)} for rule, fired in answers}


def names(path: Path) -> set[str]:
    """The rows that are there."""
    known = json.loads(path.read_text()) if path.exists() else {}
    return {one["name"] for part in ("table", "sweep", "worlds") for one in known.get(part, [])}


def table_entry(name: str, outcome: dict) -> dict:
    """One row of the table or of the sweep."""
    row = next(one for one in ROWS if one.name == name)
    rules = _by_rule(outcome)
    entry = {"name": name, "truth": row.truth, "wantedMedian": row.median, "rules": rules}
    if row.truth == "equal":
        entry["rolledBackByLook"] = {rule: _curve(looks) for rule, looks in outcome["looks"].items()}
    return {**entry, "holds": _holds(row.truth, rules[SERIN], 0.01, rules[SERIN], row.median)}


def world_entry(name: str, outcome: dict) -> dict:
    """One world."""
    world = next(one for one in worlds() if one.name == name)
    judged = outcome["non_inferior" if world.truth in {"promotion", "better"} else "failed"]
    entry = {
        "name": name,
        "truth": world.truth,
        "promised": world.promised,
        **share(judged),
        "medianCanaryAnswers": median_answers(judged),
    }
    if any(outcome["said"]):
        entry["ended"] = dict(Counter(one for one in outcome["said"] if one).most_common())
    if world.most is not None:
        found = entry["medianCanaryAnswers"]
        return {**entry, "wantedMedian": world.most, "holds": found is not None and found <= world.most}
    return {**entry, "holds": _holds(world.truth, entry, world.promised, entry, None)}


def _curve(looks: list) -> list[float]:
    count = Counter(one for one in looks if one is not None)
    total, curve = 0, []
    for look in range(max(count, default=0) + 1):
        total += count[look]
        curve.append(round(total / len(looks), 4))
    return curve


def _holds(truth, got, promised, serin, wanted) -> bool | None:
    if truth in {"equal", "margin", "promotion"}:
        return got["high"] <= promised
    if truth in {"worse", "better"}:
        found = serin["medianCanaryAnswers"]
        return found is not None and (wanted is None or found <= 1.1 * wanted)
    return None


def _percent(got: dict) -> str:
    share_ = 100 * got["share"]
    return f"{share_:.2f} %" if 0 < share_ < 1 else f"{share_:.1f} %"


def markdown(results: dict) -> str:
    """The tables, with every row that failed its promise said so."""
    lines = [
        "# Judging a canary: measured",
        "",
        "Written by `make bench-analysis`; do not edit. Promised: 1 % false rollbacks. In brackets: upper end of the 95 % interval.",
        "",
        "| truth | Serin rolls back | median canary answers (wanted) | holds | "
        + " | ".join(rule for rule in results["table"][0]["rules"] if rule != SERIN)
        + " |",
        "|---|---|---|---|" + "---|" * (len(results["table"][0]["rules"]) - 1),
    ]
    for row in results["table"]:
        serin = row["rules"][SERIN]
        others = " | ".join(_other(row, got) for rule, got in row["rules"].items() if rule != SERIN)
        lines.append(
            f"| {row['name']} | {_percent(serin)} (≤ {100 * serin['high']:.2f} %) | {_answers(serin)}"
            f"{_wanted(row)} | {_told(row['holds'])} | {others} |"
        )
    lines += [
        "",
        (
            "For a worse canary the columns of others hold their medians, too. A group-sequential boundary knows how many looks there will be; what"
            " a rollout that is worse costs by being promoted stands in [What slips through](../../docs/reference/slips.md)."
        ),
        "",
        "## Worlds the table does not name",
        "",
        (
            "Rows of cases, pairs and guards begin with a ModelDeployment's spec and the defaults that nobody has touched. Which reasons held a rollout at its"
            " end is told of those that the engine judged one by one, a twentieth at least; of the others it was asked only whether any came near a verdict."
        ),
        "",
    ]
    lines += ["| world | judged | measured | promised | holds |", "|---|---|---|---|---|"]
    for world in results["worlds"]:
        what = "non-inferior" if world["truth"] in {"promotion", "better"} else "rolled back"
        promised = f"≤ {100 * world['promised']:g} %" if world["truth"] in {"equal", "margin", "promotion"} else ""
        middle = f", median {_answers(world)}" if world["medianCanaryAnswers"] else ""
        lines.append(
            f"| {world['name']} | {what} | {_percent(world)} (≤ {100 * world['high']:.2f} %) of {world['rollouts']:,}{middle}{_wanted(world)}"
            f"{_held(world)} | {promised} | {_told(world['holds'])} |"
        )
    lines += chain.markdown(results)
    if "speed" in results:
        lines += _speed(results["speed"])
    return "\n".join(lines) + "\n"


def _speed(speed: dict) -> list[str]:
    lines = [
        "",
        "## CPU time of a metric and look",
        "",
        "| answers a look | bad | evidence | ms |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one['answers']:,} | {100 * one['badRate']:g} % | {one['evidence']} | {one['milliseconds']} |"
        for one in speed["aMetricAndLook"]
    ]
    share_of_a_core = speed["thousandRolloutsOfTenMetricsShareOfACore"]
    return [
        *lines,
        "",
        f"1,000 rollouts of ten metrics every 30 s at 10³ counts a look: {100 * share_of_a_core:.0f} % of a core.",
    ]


def _other(row: dict, got: dict) -> str:
    return _percent(got) if row["truth"] != "worse" else f"{_percent(got)}, {_answers(got)}"


def _answers(got: dict) -> str:
    found = got["medianCanaryAnswers"]
    return "–" if found is None else f"{found:,.0f}"


def _told(holds: bool | None) -> str:
    return {True: "yes", False: "**no**", None: ""}[holds]


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


def _held(world: dict) -> str:
    """Which reasons held rollouts at their end, where any did."""
    held = {said.partition("/")[2]: n for said, n in world.get("ended", {}).items() if said.startswith("Inconclusive")}
    judged = sum(world.get("ended", {}).values())
    told = (f"{reason} {100 * n / judged:.0f} %" for reason, n in held.items())
    return f"; held: {', '.join(told)} of {judged:,}" if held else ""


def _wanted(row: dict) -> str:
    return "" if row.get("wantedMedian") is None else f" ({row['wantedMedian']:,.0f})"
