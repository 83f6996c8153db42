"""How rollouts have ended, as the ledger in status says it: which ends there are, and what was seen of each on its way."""

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from kubectl_serin.reading import moment
from kubectl_serin.report import past

IN_PROGRESS: Final = "InProgress"
PROMOTED: Final = "Promoted"
_UNNAMED: Final = re.compile(r"[^A-Za-z0-9._-]|^\.")
"""ConfigMaps take no keys that begin with two dots."""
_LONGEST: Final = 100
MOST_KEPT_BYTES: Final = 64 * 1024
"""Of one end, compressed: a third to a fifth of what it is as JSON, mostly about a kilobyte."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of one rollout. A version that is tried again, or falls after it was promoted, has several."""

    namespace: str
    name: str
    uid: str
    """Of the ModelDeployment: another one of the same name is not meant."""
    version: str
    revision: str
    outcome: str
    at: datetime

    @property
    def key(self) -> str:
        """Names it, in a store as in a ConfigMap: the same whenever it is asked for."""
        parts = (self.version, self.revision.removeprefix(f"{self.name}-"), f"{self.at:%Y%m%dT%H%M%SZ}")
        return "-".join(_UNNAMED.sub("_", part)[:_LONGEST] for part in parts)

    @property
    def path(self) -> str:
        """Its place in a store, without an ending."""
        return f"{self.namespace}/{self.name}/{self.key}"


def ends_of(raw: Mapping[str, Any], since: datetime) -> Iterator[End]:
    """Ends in the ledger of a ModelDeployment that are not older than `since`."""
    metadata = raw["metadata"]
    for entry in (raw.get("status") or {}).get("versions") or ():
        at = ended_at(entry)
        if at is not None and at >= since:
            yield End(
                metadata["namespace"],
                metadata["name"],
                metadata["uid"],
                str(entry.get("version", "?")),
                str(entry.get("revision", "?")),
                str(entry.get("outcome", "?")),
                at,
            )


def ended_at(entry: Mapping[str, Any]) -> datetime | None:
    """When the rollout of an entry ended; None while it goes on. That a promoted version is replaced later is no end of its rollout."""
    outcome = entry.get("outcome")
    if outcome in {None, IN_PROGRESS}:
        return None
    return moment(entry.get("promotedAt" if outcome == PROMOTED else "endedAt"))


def as_of(raw: Mapping[str, Any], end: End) -> Mapping[str, Any] | None:
    """The ModelDeployment as if nothing newer than this end were there; None where its ledger has it no more."""
    for number, entry in enumerate((raw.get("status") or {}).get("versions") or ()):
        if str(entry.get("revision")) == end.revision and ended_at(entry) == end.at:
            return past.as_of(raw, number)
    return None


def kept_of(raw: Mapping[str, Any], end: End) -> bytes:
    """The ModelDeployment as of an end, compressed, for when status has that end no more; empty where it takes too much room."""
    then = as_of(raw, end)
    if then is None:
        return b""
    metadata = {key: value for key, value in then["metadata"].items() if key != "managedFields"}
    for each in ({**then, "metadata": metadata}, {**then, "metadata": metadata, "status": _least(then["status"])}):
        kept = zlib.compress(orjson.dumps(each), 1)
        if len(kept) <= MOST_KEPT_BYTES:
            return kept
    return b""


def kept_again(kept: bytes) -> Mapping[str, Any] | None:
    """What `kept_of` has kept; None where that is nothing."""
    return orjson.loads(zlib.decompress(kept)) if kept else None


def _least(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entry of the end, and that of what served before it."""
    entry, *before = status["versions"]
    return {"versions": [entry, *[each for each in before if each.get("outcome") == PROMOTED][:1]]}


def seen_of(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What is known of a rollout, or of a guard, only while it goes on."""
    status = raw.get("status") or {}
    for about in (status.get("canary"), status.get("guard")):
        if about and about.get("analysis"):
            return {
                "revision": about.get("revision"),
                "at": about.get("lookTakenAt"),
                **{
                    key: about[key]
                    for key in ("weight", "progress", "verdict", "analysis")
                    if about.get(key) is not None
                },
            }
    return None
