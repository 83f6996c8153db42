"""The way that a rollout takes, and what it waits for until when: from the spec and the clocks in status.

The defaults stand here again, because the types of the API take longer to load than an answer may; a test holds them
against the operator's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from kubectl_serin.reading import Model, moment
from kubectl_serin.words import cleaned

DEFAULT_STEPS: Final = (10, 25, 50)
HOLD_SECONDS: Final = 60
ASIDE_SECONDS: Final = 300
ALL_COPIES: Final = 100
BAKE_SECONDS: Final = 300
PROGRESS_SECONDS: Final = 600
DEADLINE_SECONDS: Final = 7200


@dataclass(frozen=True)
class Stage:
    """One stage of a rollout."""

    weight: int
    hold_seconds: int
    pause: bool = False
    mirror: int = 0
    """Percent of the requests of which the new version gets copies."""
    testers: bool = False
    """Whether those who are pinned to the new version reach it."""

    @property
    def words(self) -> str:
        """What the new version gets."""
        if self.mirror:
            return f"copies of {self.mirror} %"
        return "testers" if self.testers else f"{self.weight} %"


def stages_of(spec: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages on the way to all traffic."""
    rollout = spec.get("rollout") or {}
    match rollout.get("strategy") or "Canary":
        case "Canary":
            return _steps(rollout.get("steps") or [{"weight": weight} for weight in DEFAULT_STEPS])
        case "BlueGreen":
            return (_stage(rollout.get("blueGreen") or {}, ASIDE_SECONDS),)
        case "Shadow":
            shadow = rollout.get("shadow") or {}
            first = _stage({"mirrorPercent": ALL_COPIES, **shadow}, ASIDE_SECONDS)
            return (first, *_steps(rollout.get("steps") or ()))
        case "ABTest":
            first = _stage({**(rollout.get("abTest") or {}), "testers": True}, ASIDE_SECONDS)
            return (first, *_steps(rollout.get("steps") or ()))
        case _:
            return ()


def _steps(steps: Iterable[Mapping[str, Any]]) -> tuple[Stage, ...]:
    return tuple(_stage(step, HOLD_SECONDS) for step in steps)


def _stage(said: Mapping[str, Any], hold_seconds: int) -> Stage:
    return Stage(
        said.get("weight", 0),
        _or(said, "holdSeconds", hold_seconds),
        bool(said.get("pause")),
        said.get("mirrorPercent") or 0,
        bool(said.get("testers")),
    )


def _or(values: Mapping[str, Any], key: str, default: int) -> int:
    value = values.get(key)
    return default if value is None else int(value)


@dataclass(frozen=True)
class Waits:
    """What a ModelDeployment waits for."""

    sentence: str
    until: datetime | None = None
    """When the clocks that run now run out, if nothing stops them; None: a person, or nothing, ends it."""
    then: str = ""
    """What happens then."""


PAST_STAGES: Final = frozenset({"Growing", "Switching", "Baking"})
"""Phases in which all stages have been passed."""
_PEOPLE: Final = frozenset({"Paused", "StepPaused"})


def waits_of(model: Model) -> Waits | None:
    """What it waits for; None when nothing is awaited."""
    ready = model.condition("Ready")
    if not model.is_seen:
        return Waits("the operator to look at the spec as it is now; if it does not: kubectl serin doctor")
    if not model.canary:
        is_calm = ready.status == "True" and model.condition("Reconciling").status != "True"
        return None if is_calm else Waits(ready.message)
    if model.condition("Stalled").status == "True":
        verbs = "promote, skip-step, retry or abort"
        return Waits(ready.message, then=f"kubectl serin {verbs}: each with {model.name} behind it")
    if model.spec.get("paused"):
        return Waits(
            ready.message, then="spec.paused stops it until the spec says otherwise; resume does not lift that"
        )
    if ready.reason in _PEOPLE:
        return Waits(ready.message, then=f"a person says when: kubectl serin resume {model.name}")
    return Waits(ready.message, *_end(model))


def _end(model: Model) -> tuple[datetime | None, str]:
    rollout = model.spec.get("rollout") or {}
    observed = model.canary.get("observed") or {}
    seen = moment(observed.get("at"))
    if seen is None:
        return None, ""

    def left(seconds: int, clock: str) -> datetime:
        return seen + timedelta(seconds=max(0.0, seconds - float(observed.get(clock) or 0.0)))

    match model.canary.get("phase"):
        case "Resolving":
            return None, ""
        case "Baking":
            serves = model.stable.version if model.stable else "the version before"
            return left(_or(rollout, "bakeSeconds", BAKE_SECONDS), "held"), f"the pods of {serves} go"
        case "Holding":
            return _end_of_step(model, rollout, float(observed.get("held") or 0.0), left)
        case _:
            waited = left(_or(rollout, "progressDeadlineSeconds", PROGRESS_SECONDS), "waited")
            return waited, "it is rolled back if no further pod has become ready"


def _end_of_step(model: Model, rollout: Mapping[str, Any], held: float, left: Any) -> tuple[datetime | None, str]:  # noqa: ANN401 - a closure of two clocks
    stages, index = stages_of(model.spec), model.canary.get("step")
    hold = stages[index].hold_seconds if isinstance(index, int) and index < len(stages) else HOLD_SECONDS
    if held < hold:
        return left(hold, "held"), "the step has had its time"
    if not model.spec.get("analysis"):
        return None, ""
    decides = cleaned(rollout.get("onDeadline") or "Pause")
    ends = {"Pause": "it stops until a person decides", "Rollback": "it is rolled back", "Promote": "it is promoted"}
    return left(_or(rollout, "deadlineSeconds", DEADLINE_SECONDS), "analysed"), ends.get(decides, decides)
