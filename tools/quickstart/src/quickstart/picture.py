"""What a person sees of a ModelDeployment: its status in a few fields, and what changed between two of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one gate of the preflight found, before the first pod."""

    name: str
    verdict: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """One line of the ledger, `status.versions`."""

    version: str
    outcome: str
    reason: str
    message: str
    sha256: str
    signer: str
    promoted_at: str
    ended_at: str
    preflight: tuple[Check, ...]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What one metric says about the canary."""

    name: str
    verdict: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """The status of a ModelDeployment, as far as this story needs it."""

    wanted: str
    """spec.model.version."""
    is_observed: bool
    """Status speaks of the spec as it is now."""
    stable: str | None = None
    canary: str | None = None
    phase: str | None = None
    is_first: bool = False
    """Nothing serves yet, so it needs no canary."""
    step: str | None = None
    """For people: "1/2"."""
    weight: int = 0
    metrics: tuple[Metric, ...] = ()
    conditions: tuple[tuple[str, str, str, str], ...] = ()
    """Type, status, reason, message."""
    versions: tuple[Version, ...] = ()

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition; Unknown when there is none."""
        return next((rest for found, *rest in self.conditions if found == kind), ("Unknown", "", ""))  # type: ignore[return-value]

    def ledger(self, version: str) -> Version | None:
        """The newest ledger entry of a version."""
        return next((entry for entry in self.versions if entry.version == version), None)

    @property
    def is_serving_what_is_wanted(self) -> bool:
        """Ready, and about this spec."""
        return (
            self.is_observed
            and self.canary is None
            and self.stable == self.wanted
            and self.condition("Ready")[0] == "True"
        )

    def has_ended(self, version: str, outcome: str) -> bool:
        """The ledger says that the version ended so, and its pods take no part any more."""
        entry = self.ledger(version)
        return self.is_observed and self.canary is None and entry is not None and entry.outcome == outcome


def picture(modeldeployment: dict[str, Any]) -> Picture:
    """Read an object as the API server returns it."""
    status = modeldeployment.get("status") or {}
    canary = status.get("canary") or {}
    return Picture(
        wanted=modeldeployment["spec"]["model"]["version"],
        is_observed=status.get("observedGeneration") == modeldeployment["metadata"]["generation"],
        stable=(status.get("stable") or {}).get("version"),
        canary=canary.get("version"),
        phase=canary.get("phase"),
        is_first=canary.get("kind") == "First",
        step=canary.get("progress"),
        weight=canary.get("weight", 0),
        metrics=tuple(
            Metric(name=found["metric"], verdict=found["verdict"], message=found.get("message") or found["reason"])
            for found in canary.get("analysis") or []
        ),
        conditions=tuple(
            (found["type"], found["status"], found["reason"], found.get("message", ""))
            for found in status.get("conditions") or []
        ),
        versions=tuple(
            Version(
                version=found["version"],
                outcome=found["outcome"],
                reason=found.get("reason") or "",
                message=found.get("message") or "",
                sha256=found.get("sha256") or "",
                signer=found.get("signer") or "",
                promoted_at=found.get("promotedAt") or "",
                ended_at=found.get("endedAt") or "",
                preflight=tuple(
                    Check(name=row["name"], verdict=row["verdict"], message=row.get("message") or "")
                    for row in found.get("preflight") or []
                ),
            )
            for found in status.get("versions") or []
        ),
    )


def changes(before: Picture | None, after: Picture) -> list[str]:
    """What a person watching would say happened, one line each; nothing when nothing of note did."""
    said: list[str] = []
    if after.canary and (before is None or (before.canary, before.phase) != (after.canary, after.phase)):
        said += {
            "Resolving": [f"a Job fetches {after.canary}, verifies it, loads it and replays its golden samples"],
            "Starting": [f"{after.canary} starts its pods" + ("" if after.is_first else "; they get no traffic yet")],
            "Growing": [f"{after.canary} has passed every step: it grows to full size"],
            "Switching": [] if after.is_first else [f"{after.canary} takes all traffic"],
            "Baking": [f"{after.canary} has all traffic; {after.stable} is kept for a while, to go back to"],
        }.get(after.phase or "", [])
    if after.canary and after.phase == "Holding":
        was = (before.canary, before.step, before.weight) if before else None
        if was != (after.canary, after.step, after.weight) and after.weight:
            said.append(f"{after.canary} gets {after.weight} % of the traffic (step {after.step})")
    if before is not None and before.stable != after.stable and after.stable:
        said.append(f"{after.stable} is the stable version")
    for entry in after.versions:
        was_entry = before.ledger(entry.version) if before else None
        if entry.outcome in {"RolledBack", "FailedPreflight", "Aborted"} and entry != was_entry:
            said.append(f"{entry.version} {entry.outcome}: {entry.message or entry.reason}")
    return said
