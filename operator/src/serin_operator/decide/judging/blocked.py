"""What forbids judging anything at all, and so to give a canary traffic."""

from serin_operator.api.reasons import Reason
from serin_operator.api.spec import Rollout
from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.judging.planned import planned_for
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.wanted.stages import stages_of
from serin_operator.decide.world import World


def blocked_of(world: World) -> Refusal | None:
    """Why the analysis that the spec asks for cannot be; None where it can, or none is asked for."""
    if world.mdep.spec.analysis is None:
        return None
    if not world.config.prometheus_configured:
        return Refusal(
            Reason.PROMETHEUS_NOT_CONFIGURED,
            "spec.analysis needs Prometheus, and the operator has none: set prometheus.url of the chart,"
            " or remove spec.analysis",
        )
    try:
        config_of(world.mdep.spec.analysis)
    except InvalidAnalysis as error:
        return Refusal(Reason.INVALID_SPEC, f"spec.analysis: {error}")
    try:
        for stage in stages_of(world.mdep.spec.rollout or Rollout()):
            planned_for(stage, world.mdep.spec.analysis)
    except InvalidAnalysis as error:
        return Refusal(Reason.INVALID_SPEC, str(error))
    return None
