"""The fleet as rows: which models there are, how each does, and which of them somebody wants to see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kubectl_serin.reading import Model


class State(StrEnum):
    """How a model does, worst first."""

    TROUBLE = "in trouble"
    ROLLING = "rolling out"
    FINE = "fine"


@dataclass(frozen=True)
class Row:
    """One model."""

    model: Model
    state: State
    says: str
    """Why it is in that state; empty where there is nothing to say."""
    numbers: Mapping[str, Any]
    """Of the version that serves: requests a second, share of errors, p99 in seconds. Empty without Prometheus."""


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see."""

    words: str = ""
    state: State | None = None

    def has(self, row: Row) -> bool:
        """Whether a row is among it: it has each word in its name, namespace, versions or what is said of it."""
        model = row.model
        arms = [arm.version for arm in (model.stable, model.candidate) if arm]
        text = " ".join([model.namespace, model.name, model.wanted, *arms, row.says]).lower()
        return (self.state is None or row.state is self.state) and all(
            word in text for word in self.words.lower().split()
        )


def row_of(model: Model, numbers: Mapping[str, Any]) -> Row:
    """What one ModelDeployment says of itself."""
    ready, degraded, stalled = (model.condition(kind) for kind in ("Ready", "Degraded", "Stalled"))
    for condition, is_bad in (
        (degraded, degraded.status == "True"),
        (stalled, stalled.status == "True"),
        (ready, ready.status != "True" and not model.candidate and model.condition("Reconciling").status != "True"),
    ):
        if is_bad:
            return Row(model, State.TROUBLE, f"{condition.reason}: {condition.message}".strip(": "), numbers)
    if model.candidate:
        progress = str(model.canary.get("progress") or model.canary.get("phase") or "")
        verdict = str(model.canary.get("verdict") or "")
        return Row(model, State.ROLLING, ", ".join(one for one in (progress, verdict) if one), numbers)
    if ready.status != "True":
        return Row(model, State.ROLLING, f"{ready.reason}: {ready.message}".strip(": "), numbers)
    return Row(model, State.FINE, "", numbers)


def ordered(rows: Iterable[Row]) -> list[Row]:
    """Those in trouble first, then those that move, then by name."""
    states = list(State)
    return sorted(rows, key=lambda row: (states.index(row.state), row.model.namespace, row.model.name))
