"""What a provider wants written, as values: which route of ours there should be, and which weights in people's routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serin_operator.decide.route import Route


@dataclass(frozen=True)
class OwnRoute:
    """The HTTPRoute that Serin owns."""

    spec: Mapping[str, Any]
    """As the API server stores it, but for defaults inside of filters."""


@dataclass(frozen=True)
class Weight:
    """One weight in a route of somebody else's."""

    rule: int
    backend: int
    service: str
    """As the backend there is called."""
    before: int
    after: int


@dataclass(frozen=True)
class Reweigh:
    """Change these weights, and nothing else."""

    route: Route
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class Wish:
    """Everything about routes."""

    own: OwnRoute | None = None
    keeps_own: bool = False
    """A route of ours that is there stays, although none is to be written now."""
    reweighs: tuple[Reweigh, ...] = ()
    canary_service: str | None = None
    """The revision that ``<name>-canary`` is to select; None: no such Service."""
