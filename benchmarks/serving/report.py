"""Puts results.json into a table (results.md) and a plot (results.png)."""

import json
from pathlib import Path
from typing import Any

CASES = ("lr b1 c8", "lr b1 c64", "mlp b1 c64", "mlp b32 c8", "mlp b32 c8 binary")
FLOOR = "ONNX Runtime alone, a call a request"
WORDS = {
    "lr b1 c8": "logistic regression, 8 connections",
    "lr b1 c64": "logistic regression, 64 connections",
    "mlp b1 c64": "MLP, 64 connections",
    "mlp b32 c8": "MLP, 32 rows a request, 8 connections",
    "mlp b32 c8 binary": "MLP, 32 rows a request, binary",
}


def best(samples: dict[str, Any], candidate: str, case: str, key: str) -> float | None:
    """The smallest of all rounds (of requests a second: the largest)."""
    values = [sample[key] for sample in samples.get(candidate, {}).get(case, [])]
    if not values:
        return None
    return max(values) if key == "requests_per_second" else min(values)


def write_report(folder: Path) -> str:
    """Writes the table and the plot; returns the table."""
    results = json.loads((folder / "results.json").read_text())
    samples, machine = results["samples"], results["machine"]
    table = _table(samples, machine)
    (folder / "results.md").write_text(table)
    _plot(samples, folder / "results.png")
    return table


def _table(samples: dict[str, Any], machine: dict[str, Any]) -> str:
    lines = [
        f"Minimum of {machine['rounds']} interleaved rounds of {machine['seconds']} s; {machine['cpu']}, {machine['cores']} cores; "
        f"load average at the end {machine['load_average'][0]:.1f}.",
        "",
        "CPU seconds of the whole process tree for 1,000 requests; in brackets how many times serin's.",
        "",
        "| server | " + " | ".join(WORDS[case] for case in CASES) + " |",
        "|---|" + "---:|" * len(CASES),
    ]
    for candidate in samples:
        cells = []
        for case in CASES:
            value, own = (best(samples, name, case, "cpu_seconds_per_1000") for name in (candidate, "serin"))
            ratio = "" if value is None or not own or candidate == "serin" else f" ({value / own:.1f}x)"
            cells.append("-" if value is None else f"{value:.3f}{ratio}")
        lines.append(f"| {candidate} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| server | requests/s, 8 connections | p50 ms | p99 ms | ready after s | memory idle, MB (PSS) | after load, MB |",
        "|---|" + "---:|" * 6,
    ]
    for candidate in samples:
        if candidate == FLOOR:
            continue
        keys = ("requests_per_second", "p50_ms", "p99_ms")
        rps, p50, p99 = (best(samples, candidate, "lr b1 c8", key) or 0 for key in keys)
        ready = best(samples, candidate, "start lr", "ready_seconds") or 0
        idle = best(samples, candidate, "start lr", "pss_megabytes") or 0
        loaded = best(samples, candidate, "lr b1 c64", "pss_megabytes") or 0
        lines.append(f"| {candidate} | {rps:,.0f} | {p50:.2f} | {p99:.2f} | {ready:.2f} | {idle:.0f} | {loaded:.0f} |")
    return "\n".join(lines) + "\n"


def _plot(samples: dict[str, Any], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(samples)
    cases = [case for case in CASES if case != "mlp b32 c8 binary"]
    figure, axes = plt.subplots(1, len(cases), figsize=(4 * len(cases), 0.5 * len(names) + 1.6), sharey=True)
    for axis, case in zip(axes, cases, strict=True):
        values = [best(samples, name, case, "cpu_seconds_per_1000") or 0 for name in names]
        colours = ["#c8553d" if name.startswith("serin") else "#8d99ae" for name in names]
        bars = axis.barh(names, values, color=colours)
        axis.bar_label(bars, [f"{value:.3g}" for value in values], padding=3)
        axis.set_title(WORDS[case], fontsize=10)
        axis.set_xlim(0, max(values) * 1.2)
        axis.spines[["top", "right"]].set_visible(False)
        axis.invert_yaxis() if axis is axes[0] else None
    figure.supxlabel("CPU seconds for 1,000 requests (less is better)", fontsize=10)
    figure.tight_layout()
    figure.savefig(file, dpi=130)
