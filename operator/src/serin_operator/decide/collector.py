"""The collector of predictions, as decisions read it beside its Deployment."""

from dataclasses import dataclass
from datetime import datetime

from serin_operator.decide.pod import Pod


@dataclass(frozen=True)
class Collecting:
    """What is known of a collector while it is not available."""

    pods: tuple[Pod, ...] = ()
    """Its pods; no watch tells them, so they are known only while none of them is available."""
    down_since: datetime | None = None
    """Since when its Deployment says so; None: it does not, or there is none."""
