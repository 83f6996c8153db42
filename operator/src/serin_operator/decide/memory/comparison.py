"""What is remembered of the comparison of two revisions, whatever the rollout does meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.looks import Span


@dataclass(frozen=True)
class Comparison:
    """Looks at the traffic of a candidate beside stable's.

    While the shares of traffic stay as they are, a look is open: it began at ``look_from``. A change of the shares closes
    it: what came before is judged, and the interval of the change is dropped.
    """

    evidence: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[MetricStatus, ...] = ()
    """The last judgement; it counts until the next."""
    since: datetime | None = None
    """When the canary may first have had traffic; labels of earlier predictions have no counterpart."""
    look_from: datetime | None = None
    """Start of the open look; None while the shares change."""
    share: int = 0
    """Percent of the traffic that the canary had when the open look began, or has."""
    mirror: int = 0
    """Percent of stable's requests of which it got copies then."""
    testers: bool = False
    """Whether testers alone reached it then."""
    change_from: datetime | None = None
    """Since when the shares have been changing."""
    steady_from: datetime | None = None
    """Since when they have been as they are, in a change that is about to be over."""
    closed: tuple[Span, ...] = ()
    """Looks that were closed by a change, and wait for Prometheus to have everything about them."""
    changes: tuple[Span, ...] = ()
    """Intervals in which the shares changed."""
    taken_at: datetime | None = None
    """When a look was last taken."""
    failed_at: datetime | None = None
    """When Prometheus could not answer: asked again after an interval, not at once."""
    stage_from: datetime | None = None
    """When the present stage's weight came into force, until a look of the stage has been judged."""
    is_ripe: bool = False
    """The last look was judged after the present stage had been held for its time."""
    stage_weight: int | None = None
    """Weight in the spec of the stage in force, to find the place again when the steps are edited."""
    achieved: int = 0
    """Percent of the traffic that the canary had when the stage came into force."""
    stray: str | None = None
    """What was odd about who answered the requests of the last look: whoever splits them does not do what it says."""
