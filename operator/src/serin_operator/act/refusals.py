"""What a refused write means: an obstacle, for a person or for time to remove."""

from typing import Final

from serin_operator.api.names import ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.cluster.errors import ApiError, Conflict, Forbidden, Invalid, Transient
from serin_operator.decide.health.refusals import refused
from serin_operator.decide.world import Obstacle

_WEBHOOK_IS_AWAY: Final = "failed calling webhook"


def obstacle_of(error: ApiError, ref: ObjectRef) -> Obstacle | None:
    """The obstacle that ``error`` tells of; None where it is none and the write is simply to be tried again.

    That an admission webhook does not answer is told as an error of the API server, but it is no passing one: until
    somebody brings the webhook back, every attempt ends so.
    """
    is_away = isinstance(error, Transient) and not isinstance(error, Conflict) and _WEBHOOK_IS_AWAY in error.message
    if isinstance(error, Forbidden | Invalid) or is_away:
        said = refused(error.message)
        is_a_field = isinstance(error, Invalid) and said.reason is Reason.CREATION_FORBIDDEN
        return Obstacle(Reason.INVALID_SPEC if is_a_field else said.reason, said.message, ref)
    return None
