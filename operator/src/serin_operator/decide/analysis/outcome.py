"""All verdicts together: what a rollout may do next, and what a deadline changes about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from serin_operator.decide.analysis.config import AnalysisConfig, Role
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Verdict


class OnDeadline(StrEnum):
    """What happens when the time is up and the evidence says neither yes nor no."""

    PAUSE = "Pause"  # the default: silence is no evidence
    ROLLBACK = "Rollback"
    PROMOTE = "Promote"


class Advice(StrEnum):
    """What the evidence allows."""

    PROCEED = "Proceed"
    HOLD = "Hold"
    ROLL_BACK = "RollBack"
    PAUSE = "Pause"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The advice, whether the evidence gave it or a deadline, and the sentences behind it."""

    advice: Advice
    message: str
    by_deadline: bool = False
    warnings: tuple[str, ...] = ()


def outcome(
    config: AnalysisConfig,
    verdicts: Mapping[str, Verdict],
    *,
    deadline_passed: bool = False,
    on_deadline: OnDeadline = OnDeadline.PAUSE,
) -> Outcome:
    """One failed gate rolls back; all gates passed proceed; else hold, until the deadline's policy says otherwise.

    A Fail wins over everything, a deadline only over silence. Warnings are told and decide nothing.
    """
    gates = {key: verdicts[key] for metric in config.metrics if metric.role is Role.GATE for key in metric.keys}
    warnings = tuple(
        f"{key}: {verdicts[key].message}"
        for metric in config.metrics
        if metric.role is Role.WARNING
        for key in metric.keys
        if isinstance(verdicts[key], Fail)
    )
    if failed := _told(gates, Fail):
        return Outcome(Advice.ROLL_BACK, failed, warnings=warnings)
    missing = _told(gates, Inconclusive)
    if not missing:
        return Outcome(Advice.PROCEED, _told(gates, Pass) or "no metric gates this rollout", warnings=warnings)
    if not deadline_passed:
        return Outcome(Advice.HOLD, missing, warnings=warnings)
    advice = {
        OnDeadline.PAUSE: Advice.PAUSE,
        OnDeadline.ROLLBACK: Advice.ROLL_BACK,
        OnDeadline.PROMOTE: Advice.PROCEED,
    }[on_deadline]
    return Outcome(advice, f"deadline passed without a verdict: {missing}", by_deadline=True, warnings=warnings)


def _told(verdicts: Mapping[str, Verdict], kind: type[Verdict]) -> str:
    return "; ".join(f"{key}: {one.message}" for key, one in verdicts.items() if isinstance(one, kind))
