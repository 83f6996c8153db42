"""What of a rollout can be played: a made-up world has no gateway, and says something of a few kinds of metrics only."""

from collections.abc import Iterable
from typing import Final

from kubectl_serin.play.traffic import PLAYED, event_of
from kubectl_serin.problems import Problem
from serin_operator.api.rollout import BlueGreen, Step, Strategy
from serin_operator.api.spec import Analysis, ModelDeploymentSpec, Rollout

_NO_GATEWAY: Final = "copies of requests and testers need a gateway, which no made-up world has"
_TRIALS: Final = frozenset({Strategy.SHADOW, Strategy.AB_TEST})


def playable(spec: ModelDeploymentSpec) -> tuple[ModelDeploymentSpec, tuple[str, ...]]:
    """What of a spec is played, and a line for each thing that is left out.

    Raises:
        Problem: Nothing of its rollout would be left.
    """
    remarks: list[str] = []
    if spec.traffic is not None:
        remarks.append("played without spec.traffic: pods make the weights, so they differ from those of a gateway")
    rollout = _with_clients(spec.rollout, remarks) if spec.rollout else None
    analysis = _told(spec.analysis, remarks) if spec.analysis else None
    if spec.guard is not None:
        remarks.append("played without spec.guard: the play ends when the version is promoted")
    left = {"traffic": None, "rollout": rollout, "analysis": analysis, "guard": None}
    return spec.model_copy(update=left), tuple(remarks)


def _with_clients(rollout: Rollout, remarks: list[str]) -> Rollout:
    """Without the stages that no client reaches but by copies or as a tester."""
    if rollout.strategy in _TRIALS:
        remarks.append(f"played from its steps on: {_NO_GATEWAY}")
        return rollout.model_copy(
            update={"strategy": Strategy.CANARY, "shadow": None, "ab_test": None, "steps": _some(rollout.steps or ())}
        )
    aside = rollout.blue_green or BlueGreen()
    if aside.mirror_percent or aside.testers:
        remarks.append(f"played with nothing to compare before all requests move: {_NO_GATEWAY}")
        quiet = aside.model_copy(update={"mirror_percent": None, "testers": None})
        return rollout.model_copy(update={"blue_green": quiet})
    steps = rollout.steps or []
    left = [step for step in steps if not (step.mirror_percent or step.testers)]
    if len(left) == len(steps):
        return rollout
    remarks.append(f"played without {len(steps) - len(left)} of its steps: {_NO_GATEWAY}")
    return rollout.model_copy(update={"steps": _some(left)})


def _some(steps: Iterable[Step]) -> list[Step]:
    left = list(steps)
    if not left:
        raise Problem(f"nothing of this rollout can be played: {_NO_GATEWAY}", "add steps with weights above 0 to it")
    return left


def _told(analysis: Analysis, remarks: list[str]) -> Analysis | None:
    """With the metrics of which something is told: for the others it would wait for ever."""
    left = [metric.model_copy(update={"slices": None}) for metric in analysis.metrics if event_of(metric) is not None]
    if sliced := [metric.name for metric in analysis.metrics if metric.slices is not None and event_of(metric)]:
        remarks.append(f"played without slices of {', '.join(sliced)}: all requests of a made-up world are alike")
    others = [metric.name for metric in analysis.metrics if event_of(metric) is None]
    if others:
        kinds = ", ".join(PLAYED)
        nothing = "" if left else "; nothing is left to compare, so that time alone decides in this play"
        remarks.append(f"played without {', '.join(others)}: --world says something of {kinds} only{nothing}")
    if analysis.pairing is not None:
        remarks.append("played without analysis.pairing: no request is answered by both versions")
    return analysis.model_copy(update={"metrics": left, "pairing": None}) if left else None
