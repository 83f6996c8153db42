"""Whether the operator's clock agrees with the cluster's: Prometheus is asked about times, and deadlines are counted in them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from serin_operator.api.reasons import Reason
from serin_operator.decide.memory.states import Refusal
from serin_operator.decide.world import World

TOLERATED: Final = timedelta(seconds=10)


def clock_skew(world: World) -> Iterator[Refusal]:
    """A pod that is from the future: looks ask Prometheus about a time in which it did not exist."""
    pods = [pod for revision in world.revisions.values() for pod in revision.pods]
    newest = max(pods, key=lambda pod: pod.created_at, default=None)
    if newest is not None and newest.created_at > world.now + TOLERATED:
        message = (
            f"the clock of the operator is behind the cluster's: pod {newest.name} was made at {newest.created_at:%H:%M:%S},"
            " which is still to come; until then looks find nothing. Set the clock of the operator's node"
        )
        yield Refusal(Reason.CLOCK_SKEW, message)
