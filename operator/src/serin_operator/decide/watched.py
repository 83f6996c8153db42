"""How much of the time between two observations was observed: of what watches tell, all of it; of what nobody saw, little."""

from datetime import datetime
from typing import Final

from serin_operator.decide.world import World

LONGEST_GAP_SECONDS: Final = 15.0
"""Between two observations at most this much time counts: what nobody saw uses up no deadline and holds no stage."""
LONGEST_WATCHED_SECONDS: Final = 60.0
"""The same where one process made both: its watches would have told of a change in between. A process may be stopped for a while."""
_ROUNDED_SECONDS: Final = 1.0
"""What is remembered of a moment is written with fewer digits."""


def watched_seconds(world: World, before: datetime) -> float:
    """How far back the observation at ``before`` may lie for the time since then to have been observed."""
    seen = world.seen_at
    is_mine = seen is not None and abs((seen - before).total_seconds()) <= _ROUNDED_SECONDS
    return LONGEST_WATCHED_SECONDS if is_mine else LONGEST_GAP_SECONDS
