"""Whatever happens in a cluster and to a receiver: nothing else that must hold breaks, and what is told is told in order."""

from random import Random

import pytest
from tests.support.simulation.receivers import FAILS, HANGS, IS_AWAY, IS_BUSY, TAKES, Receiver
from tests.support.worlds import World, world_of

from serin_operator.api.notify import Occasion

QUICK, COUNT = 1, 60
EVERYTHING = {"channel": "ops", "about": list(Occasion)}
MOODS = (TAKES, TAKES, FAILS, HANGS, IS_AWAY, IS_BUSY)


async def lived(seed: int) -> tuple[World, Receiver]:
    """A world whose receiver has another mood every now and then, and takes everything in the end."""
    world, receiver, random = world_of(seed), Receiver(), Random(seed)
    simulation = world.simulation
    simulation.receivers, simulation.notify = {"ops": receiver}, (EVERYTHING,)
    simulation.restart_operator()

    def changes_its_mood(_: object) -> None:
        if random.random() < 0.1:
            receiver.answer = random.choice(MOODS)

    changes = simulation.on_seen
    simulation.on_seen = lambda namespace, name, obj: (changes_its_mood(obj), changes(namespace, name, obj))[1]
    await world.live()
    simulation.on_seen, receiver.answer = changes, TAKES
    await simulation.live(200)
    return world, receiver


async def told_in_order(seed: int) -> None:
    world, receiver = await lived(seed)
    first: dict[str, int] = {}
    for place, (id_, *_) in enumerate(receiver.got):
        first.setdefault(id_, place)
    offset = world.simulation.clock_offset
    times = [receiver.times[place] for place in first.values()]
    clock_was_set = offset or any("clock" in line for line in world.simulation.story)
    assert clock_was_set or times == sorted(times), (seed, receiver.heard)
    assert not [each for each in world.simulation.status.get("outbox") or [] if "notice" in each], seed
    assert receiver.heard


@pytest.mark.parametrize("seed", range(QUICK))
async def test_notices_are_told_in_order_in_a_cluster_as_they_are(seed: int) -> None:
    await told_in_order(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(QUICK, COUNT))
async def test_notices_are_told_in_order_in_many_clusters_as_they_are(seed: int) -> None:
    await told_in_order(seed)
