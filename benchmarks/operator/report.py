"""Puts results.json into a table (results.md) and a plot (results.png)."""

import os
from pathlib import Path

ROWS = {
    "new": "new, until each has status",
    "ready": "from nothing to Ready",
    "idle": "idle",
    "restart": "restart in steady state",
    "rollouts": "all in a rollout, looks every 30 s",
}

PEER = "argo "
"""Before the name of a scenario: Argo Rollouts, in its place."""


def write(results, folder):
    """Write the table and, where matplotlib is, the plot."""
    sizes = sorted((size for size in results if size.isdigit()), key=int)
    (Path(folder) / "results.md").write_text("\n".join(_lines(results, sizes)) + "\n")
    try:
        _plot(results, sizes, Path(folder) / "results.png")
    except ImportError:
        print("without matplotlib there is no plot: make bench-operator installs it")


def _lines(results, sizes):
    yield f"{os.cpu_count()} cores. One run each; what else the machine did at its end stands in the last column."
    yield ""
    yield "| scenario | ModelDeployments | CPU s | wall s | of a core | calls | status writes | RSS MiB | longest without renewal s | load |"
    yield "|---|---:|---:|---:|---:|---|---:|---:|---:|---:|"
    for name, words in ROWS.items():
        for size in sizes:
            rows = {words: name, f"Argo Rollouts: {words}": PEER + name}
            yield from (_row(told, size, results[size][one]) for told, one in rows.items() if one in results[size])
    for size in sizes:
        if (found := results[size].get("new")) and "ratio" in found:
            yield f"\n{size} new: {found['ratio']} times the {found['bare_loop_wall_s']} s of a bare loop of the same writes."
        for name in ("rollouts", f"{PEER}rollouts"):
            if (found := results[size].get(name)) and "late_p99_s" in found:
                late = f"{found['late_p50_s']} s (p50), {found['late_p99_s']} s (p99)"
                yield f"\n{size} {name}: {found['looks']} looks, late by {late}."
    if events := results.get("events"):
        yield from _of_events(events)


def _of_events(events):
    yield "\nMicroseconds of CPU for one watch event, from its line to the queue:\n"
    kinds = [*next(iter(events.values()))]
    yield "| ModelDeployments | " + " | ".join(kinds) + " |"
    yield "|---:|" + "---:|" * len(kinds)
    for size, found in events.items():
        yield f"| {size} | " + " | ".join(str(found[kind]) for kind in kinds) + " |"


def _row(words, size, found):
    share = f"{found['percent_of_a_core']} %" if "percent_of_a_core" in found else ""
    calls = ", ".join(f"{count} {verb}" for verb, count in found["calls"].items())
    lease, writes = found.get("longest_without_renewal_s", ""), found.get("status_writes", "")
    cells = [words, size, found["cpu_s"], found["wall_s"], share, calls, writes, found["peak_mib"], lease]
    return f"| {' | '.join(map(str, cells))} | {found['load_average']} |"


def _plot(results, sizes, path):
    import matplotlib as mpl  # noqa: PLC0415 - the tables need none

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (cost, event) = plt.subplots(1, 2, figsize=(10, 4))
    for name, words in ROWS.items():
        points = [(int(size), results[size][name]["cpu_s"]) for size in sizes if name in results[size]]
        if points:
            cost.plot(*zip(*points, strict=True), marker="o", label=words)
    cost.set(xlabel="ModelDeployments", ylabel="CPU seconds")
    cost.legend(fontsize=7)
    events = results.get("events") or {}
    for kind in next(iter(events.values()), {}):
        event.plot([int(size) for size in events], [found[kind] for found in events.values()], marker="o", label=kind)
    event.set(xlabel="ModelDeployments", ylabel="µs of CPU for an event", xscale="log", ylim=(0, 200))
    event.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
