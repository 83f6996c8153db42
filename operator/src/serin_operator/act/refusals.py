"""What a refused write means: an obstacle, for a person or for time to remove."""

from typing import Final

from serin_operator.api.names import ObjectRef
from serin_operator.api.reasons import Reason
from serin_operator.cluster.errors import ApiError, Conflict, Forbidden, Invalid, Transient
from serin_operator.decide.world import Obstacle

LONGEST_MESSAGE: Final = 700
_WEBHOOK_IS_AWAY: Final = "failed calling webhook"


def obstacle_of(error: ApiError, ref: ObjectRef) -> Obstacle | None:
    """The obstacle that ``error`` tells of; None where it is none and the write is simply to be tried again.

    That an admission webhook does not answer is told as an error of the API server, but it is no passing one: until
    somebody brings the webhook back, every attempt ends so.
    """
    is_away = isinstance(error, Transient) and not isinstance(error, Conflict) and _WEBHOOK_IS_AWAY in error.message
    if isinstance(error, Forbidden | Invalid) or is_away:
        reason, message = _refused(error)
        return Obstacle(reason, message, ref)
    return None


def _refused(error: ApiError) -> tuple[str, str]:
    message = _shortened(error.message)
    if isinstance(error, Invalid):
        return Reason.INVALID_SPEC, message
    return (Reason.QUOTA_EXCEEDED if "exceeded quota" in message else Reason.CREATION_FORBIDDEN), message


def _shortened(message: str) -> str:
    """Both ends of a message that quotes a whole object: what was refused, and why."""
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:200]} … {message[200 - LONGEST_MESSAGE :]}"
