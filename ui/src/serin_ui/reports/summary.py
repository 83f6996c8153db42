"""A report for programs: what was tried, what became of it and with which numbers, within few kilobytes."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from serin_operator.api.uris import shown
from serin_ui.reports.ends import End

SCHEMA: Final = "serin.dev/report/v1"
MOST_BYTES: Final = 16 * 1024
"""Of one summary: forty of them are far from the megabyte that a ConfigMap holds."""
_TOLD: Final = (
    "metric",
    "verdict",
    "reason",
    "message",
    "stable",
    "canary",
    "samples",
    "samplesNeeded",
    "evidencePercent",
)
_LONGEST: Final = 512
_MOST_METRICS: Final = 32


def summary_of(end: End, raw: Mapping[str, Any], seen: Mapping[str, Any] | None) -> bytes:
    """The summary of an end, as JSON.

    Args:
        end: Of this version's rollout.
        raw: The ModelDeployment as of then (`ends.as_of`).
        seen: What was seen last of the rollout while it went on; None where nothing was.
    """
    entry, *before = raw["status"]["versions"]
    stable = next((each for each in before if each.get("outcome") == "Promoted"), None)
    told = {
        "schema": SCHEMA,
        "namespace": end.namespace,
        "name": end.name,
        "uid": end.uid,
        "version": end.version,
        "revision": end.revision,
        "outcome": end.outcome,
        "reason": entry.get("reason"),
        "message": _cut(entry.get("message")),
        "startedAt": entry.get("startedAt"),
        "endedAt": entry.get("promotedAt" if end.outcome == "Promoted" else "endedAt"),
        "uri": _cut(shown(str(entry["uri"]))) if entry.get("uri") else None,
        "sha256": entry.get("sha256"),
        "signer": entry.get("signer"),
        "attempts": entry.get("attempts"),
        "before": stable and stable.get("version"),
        "preflight": [
            {key: _cut(row.get(key)) for key in ("name", "verdict", "message")} for row in entry.get("preflight") or ()
        ],
        "lastSeen": seen and _seen(seen),
    }
    return _within(_without_nothing(told))


def _seen(seen: Mapping[str, Any]) -> dict[str, Any]:
    rows = list(seen.get("analysis") or ())
    metrics = [{key: _cut(row[key]) for key in _TOLD if row.get(key) is not None} for row in rows[:_MOST_METRICS]]
    told = {key: seen.get(key) for key in ("at", "weight", "progress", "verdict")}
    return {**told, "metrics": metrics, "isCut": len(rows) > _MOST_METRICS}


def _within(told: dict[str, Any]) -> bytes:
    """What is least worth a summary goes first, where there is too much."""
    for part in (None, "preflight", "lastSeen"):
        if part is not None:
            told = {**{key: value for key, value in told.items() if key != part}, "isCut": True}
        summary = orjson.dumps(told, option=orjson.OPT_INDENT_2)
        if len(summary) <= MOST_BYTES:
            break
    return summary


def _without_nothing(told: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(told, dict):
        return {key: _without_nothing(value) for key, value in told.items() if not _is_nothing(value)}
    return [_without_nothing(each) for each in told] if isinstance(told, list) else told


def _is_nothing(value: object) -> bool:
    return value is None or value is False or value == []


def _cut(value: Any) -> Any:  # noqa: ANN401 - JSON
    return f"{value[: _LONGEST - 1]}…" if isinstance(value, str) and len(value) > _LONGEST else value
