"""Puts rounds into a table."""

import os
from statistics import median

FIGURES = (
    "first_failure_to_held_s",
    "first_failure_to_verdict_s",
    "verdict_to_last_ms",
    "verdict_to_last_at_most_ms",
    "first_failure_to_zero_s",
)


def table(rounds, interval):
    """Median and worst of each road and kind of connection, in Markdown."""
    lines = [
        f"{os.cpu_count()} cores, looks every {interval} s, a canary with half of the requests that fails on each. Median, and the worst in brackets.",
        "",
        "| road | connections | rounds | first failure until its weight is said to hold s | first failure to verdict s | verdict to last request ms | the same, at most | first failure to 0 % s | requests | failed | lost | load |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for road, kind in dict.fromkeys((each["road"], each["connections"]) for each in rounds):
        mine = [each for each in rounds if (each["road"], each["connections"]) == (road, kind)]
        figures = [f"{median(values):g} ({max(values):g})" for values in ([e[f] for e in mine] for f in FIGURES)]
        counts = [str(sum(each[name] for each in mine)) for name in ("requests", "failed", "lost")]
        loads = f"{min(e['load_average'] for e in mine)} to {max(e['load_average'] for e in mine)}"
        lines.append(f"| {' | '.join([road, kind, str(len(mine)), *figures, *counts, loads])} |")
    return "\n".join(lines) + "\n"
