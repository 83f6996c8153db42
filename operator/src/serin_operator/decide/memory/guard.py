"""What is remembered of a version that was promoted and is watched still; what was counted is in ``Memory.comparison``."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Guard:
    """The version that serves, and the one before it, which it is compared with."""

    revision: str
    version: str
    previous_revision: str
    previous: str
    """Label of the version before."""
    since: datetime
    """When it was promoted."""
    at: datetime
    """The last observation."""
