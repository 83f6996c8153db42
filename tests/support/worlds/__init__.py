"""Random clusters as they are: what happens in them, by a seed, and what must hold whatever happens."""

from tests.support.worlds.invariants import Invariants, Violation
from tests.support.worlds.world import World, world_behind_gateway, world_of

__all__ = ["Invariants", "Violation", "World", "world_behind_gateway", "world_of"]
