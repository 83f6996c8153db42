"""From outcomes to figures: shares with exact intervals and medians, kept in results.json."""

import json
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.analysis.table import ROWS
from benchmarks.analysis.worlds import worlds
from scipy.stats import beta

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
