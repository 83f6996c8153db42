"""Random clusters, random people, random bad luck: a few things must hold in all of them.

``make slow WORLDS=5000`` lives through so many; a seed that fails says so, with its story. To live it again:
``pytest tests/properties/operator/test_clusters_as_they_are.py -k "[17]"``.
"""

import contextlib
import os

import pytest
from tests.support.worlds import world_behind_gateway, world_of

QUICK = 2
COUNT = int(os.environ.get("SERIN_WORLDS", "500"))


@pytest.mark.parametrize("seed", range(QUICK))
async def test_what_must_hold_holds_in_a_cluster_as_they_are(seed: int) -> None:
    await world_of(seed).live()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(QUICK, COUNT))
async def test_what_must_hold_holds_in_many_clusters_as_they_are(seed: int) -> None:
    await world_of(seed).live()


@pytest.mark.parametrize("seed", range(1))
async def test_what_must_hold_holds_behind_a_gateway(seed: int) -> None:
    await world_behind_gateway(seed).live()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, COUNT // 4))
async def test_what_must_hold_holds_behind_many_gateways(seed: int) -> None:
    await world_behind_gateway(seed).live()


@pytest.mark.slow
async def test_a_seed_tells_the_same_story_each_time() -> None:
    stories = []
    for _ in range(2):
        world = world_of(3)
        with contextlib.suppress(AssertionError):
            await world.live()
        stories.append(world.simulation.story)
    assert stories[0] == stories[1]
