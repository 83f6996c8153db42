"""A ModelDeployment as people look at it. Fields that an older operator does not write are simply not told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from kubectl_serin.words import cleaned
from serin_operator.decide.timestamps import parse


def moment(text: object) -> datetime | None:
    """A time of status; None where there is none, or none that can be read."""
    try:
        return parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Condition:
    """One condition."""

    status: str = "Unknown"
    reason: str = ""
    message: str = "the operator has said nothing yet"
    current: bool = False
    """Whether it speaks of the spec as it is now."""


@dataclass(frozen=True)
class Arm:
    """A version with pods, and its part of the traffic."""

    version: str
    revision: str
    sha256: str | None
    weight: int | None
    ready: int | None
    replicas: int | None

    @classmethod
    def of(cls, status: Mapping[str, Any] | None) -> "Arm | None":
        """From ``status.stable`` or ``status.canary``."""
        if not status:
            return None
        return cls(
            cleaned(status.get("version", "?")),
            cleaned(status.get("revision", "?")),
            status.get("sha256"),
            status.get("weight"),
            status.get("readyReplicas"),
            status.get("replicas"),
        )


@dataclass(frozen=True)
class Entry:
    """One version of the ledger."""

    version: str
    revision: str
    outcome: str
    uri: str
    sha256: str | None = None
    reason: str = ""
    message: str = ""
    started: datetime | None = None
    promoted: datetime | None = None
    ended: datetime | None = None
    signature: Mapping[str, Any] | None = None
    """What it takes and gives, as status has it."""
    signer: str = ""
    variant: str = ""
    """What its pods serve of the model at the uri; empty: the model itself."""
    source_sha256: str = ""
    """The digest of the model at the uri, where pods serve a variant."""


@dataclass(frozen=True)
class Model:
    """One ModelDeployment."""

    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return cleaned(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return cleaned(self.raw["metadata"].get("namespace", "default"))

    @property
    def generation(self) -> int:
        """Of the spec."""
        return int(self.raw["metadata"].get("generation") or 0)

    @property
    def spec(self) -> Mapping[str, Any]:
        """As it was written."""
        return self.raw.get("spec") or {}

    @property
    def status(self) -> Mapping[str, Any]:
        """As the operator wrote it."""
        return self.raw.get("status") or {}

    @property
    def wanted(self) -> str:
        """The version that the spec names."""
        return cleaned((self.spec.get("model") or {}).get("version", "?"))

    @cached_property
    def stable(self) -> Arm | None:
        """What serves."""
        return Arm.of(self.status.get("stable"))

    @property
    def canary(self) -> Mapping[str, Any]:
        """``status.canary``; empty where nothing is rolled out."""
        return self.status.get("canary") or {}

    @cached_property
    def candidate(self) -> Arm | None:
        """What is rolled out."""
        return Arm.of(self.canary)

    @property
    def is_seen(self) -> bool:
        """Whether the operator has looked at the spec as it is."""
        return int(self.status.get("observedGeneration") or -1) >= self.generation

    def condition(self, kind: str) -> Condition:
        """What the condition of this type says."""
        for one in self.status.get("conditions") or ():
            if one.get("type") == kind:
                current = int(one.get("observedGeneration") or self.status.get("observedGeneration") or -1)
                return Condition(
                    cleaned(one.get("status", "Unknown")),
                    cleaned(one.get("reason", "")),
                    cleaned(one.get("message", "")),
                    current >= self.generation,
                )
        return Condition()

    @cached_property
    def ledger(self) -> tuple[Entry, ...]:
        """What became of each version, newest first."""
        return tuple(
            Entry(
                cleaned(one.get("version", "?")),
                cleaned(one.get("revision", "?")),
                cleaned(one.get("outcome", "?")),
                cleaned(one.get("uri", "?")),
                one.get("sha256"),
                cleaned(one.get("reason") or ""),
                cleaned(one.get("message") or ""),
                moment(one.get("startedAt")),
                moment(one.get("promotedAt")),
                moment(one.get("endedAt")),
                one.get("signature"),
                cleaned(one.get("signer") or ""),
                cleaned((one.get("optimized") or {}).get("variant") or ""),
                cleaned((one.get("optimized") or {}).get("sourceSha256") or ""),
            )
            for one in self.status.get("versions") or ()
        )

    def entry(self, version: str) -> Entry | None:
        """The newest entry of a version, by its label or revision."""
        return next((one for one in self.ledger if version in {one.version, one.revision}), None)
