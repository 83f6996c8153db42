"""How looks are asked for: now, or ahead of their time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from serin_operator.api import spec as api
from serin_operator.decide.looks import Look, LookResult
from serin_operator.observe.looks import take
from serin_operator.observe.written import Prometheus

Name = tuple[str, str]
"""Namespace and name of a ModelDeployment."""


class Desk(Protocol):
    """Gives results of looks."""

    async def result(
        self, key: Name, look: Look, analysis: api.Analysis, scrape_seconds: float, now: datetime
    ) -> LookResult | None:
        """What came of the look, or ``None`` while it is being taken: the key is then queued when it has been."""
        ...

    def book(self, key: Name, booked: "Booked | None") -> bool:
        """Take this look when it is time, instead of any that was booked before; whether it will be, and its key queued then."""
        ...

    def forget(self, key: Name) -> None:
        """The ModelDeployment is gone."""
        ...


@dataclass(frozen=True)
class Booked:
    """A look that can be asked for in a while, and what is needed to take it."""

    look: Look
    analysis: api.Analysis
    scrape_seconds: float
    due: datetime
    seconds: float
    """Until it is due."""


@dataclass(frozen=True)
class AtOnce:
    """Takes each look while its reconcile waits, for whoever has all the time in the world."""

    prometheus: Prometheus

    async def result(
        self,
        key: Name,  # noqa: ARG002 - nothing is kept
        look: Look,
        analysis: api.Analysis,
        scrape_seconds: float,
        now: datetime,
    ) -> LookResult | None:
        """The result, always."""
        return await take(self.prometheus, look, analysis, scrape_seconds, now)

    def book(self, key: Name, booked: Booked | None) -> bool:  # noqa: ARG002 - nothing is kept
        """Nobody would look at the clock."""
        return False

    def forget(self, key: Name) -> None:
        """Nothing is kept."""
