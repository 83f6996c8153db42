"""A ModelDeployment as programs read it: what ``-o json`` says, whatever release of the operator wrote the status."""

from datetime import datetime
from typing import Any

from kubectl_serin.evidence import metrics_of
from kubectl_serin.plan import stages_of, waits_of
from kubectl_serin.reading import Arm, Entry, Model


def summary_of(model: Model, now: datetime) -> dict[str, Any]:
    """What serves, what is rolled out, and what it waits for."""
    waits = waits_of(model)
    return {
        "namespace": model.namespace,
        "name": model.name,
        "wanted": model.wanted,
        "seen": model.is_seen,
        "ready": model.condition("Ready").status == "True" and model.is_seen,
        "stalled": model.condition("Stalled").status == "True",
        "reason": model.condition("Ready").reason,
        "message": model.condition("Ready").message,
        "stable": arm_of(model.stable),
        "canary": _canary(model),
        "waitsFor": None
        if waits is None
        else {
            "sentence": waits.sentence,
            "until": waits.until.isoformat() if waits.until else None,
            "seconds": max(0.0, (waits.until - now).total_seconds()) if waits.until else None,
            "then": waits.then or None,
        },
    }


def _canary(model: Model) -> dict[str, Any] | None:
    if not model.candidate:
        return None
    return {
        **(arm_of(model.candidate) or {}),
        "kind": model.canary.get("kind"),
        "phase": model.canary.get("phase"),
        "step": model.canary.get("step"),
        "verdict": model.canary.get("verdict"),
        "stages": [
            {"weight": s.weight, "holdSeconds": s.hold_seconds, "pause": s.pause} for s in stages_of(model.spec)
        ],
        "metrics": metrics_in(model),
    }


def metrics_in(model: Model) -> list[dict[str, Any]]:
    """What each metric says."""
    return [
        {
            "metric": one.name,
            "verdict": one.verdict,
            "reason": one.reason,
            "message": one.message,
            "samples": one.samples,
            "evidence": one.evidence,
            "needed": one.needed,
        }
        for one in metrics_of(model.canary)
    ]


def arm_of(arm: Arm | None) -> dict[str, Any] | None:
    """A version with pods."""
    if arm is None:
        return None
    return {
        "version": arm.version,
        "revision": arm.revision,
        "sha256": arm.sha256,
        "weight": arm.weight,
        "readyReplicas": arm.ready,
        "replicas": arm.replicas,
    }


def entry_of(entry: Entry) -> dict[str, Any]:
    """A version of the ledger."""
    return {
        "version": entry.version,
        "revision": entry.revision,
        "outcome": entry.outcome,
        "reason": entry.reason or None,
        "message": entry.message or None,
        "uri": entry.uri,
        "sha256": entry.sha256,
        "variant": entry.variant or None,
        "sourceSha256": entry.source_sha256 or None,
        "startedAt": _time(entry.started),
        "promotedAt": _time(entry.promoted),
        "endedAt": _time(entry.ended),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
