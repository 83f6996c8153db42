"""The report: the tables in Markdown, with every row that failed its promise said so."""

from benchmarks.analysis.chain import rows as chain
from benchmarks.analysis.figures import SERIN


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


def _held(world: dict) -> str:
    """Which reasons held rollouts at their end, where any did."""
    held = {said.partition("/")[2]: n for said, n in world.get("ended", {}).items() if said.startswith("Inconclusive")}
    judged = sum(world.get("ended", {}).values())
    told = (f"{reason} {100 * n / judged:.0f} %" for reason, n in held.items())
    return f"; held: {', '.join(told)} of {judged:,}" if held else ""


def _wanted(row: dict) -> str:
    return "" if row.get("wantedMedian") is None else f" ({row['wantedMedian']:,.0f})"
