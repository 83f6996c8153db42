"""What a look costs: one reconcile, which writes status once; a hold in which nothing happens is left alone."""

import pytest
from tests.support.simulation import Simulation, model_of, serving

ERRORS = {"intervalSeconds": 30, "metrics": [{"name": "errors", "errorRate": {}}]}
TEN_MINUTES = 600


async def held(hold: int, **more: object) -> Simulation:
    """v2 has half of the requests, for long."""
    simulation = await serving(analysis=False, scrape_seconds=5.0)
    rollout = {"steps": [{"weight": 50, "holdSeconds": hold}]}
    simulation.change_spec(model=model_of("v2"), rollout=rollout, **more)
    await simulation.live_until(lambda s: s.phase == "Holding", 120)
    await simulation.live(90)
    return simulation


async def test_a_look_is_one_reconcile_that_writes_status_once() -> None:
    simulation = await held(3600, analysis=ERRORS)
    reconciles, queries, writes = len(simulation.reconciles), simulation.prom.queries, len(simulation.api.writes)
    await simulation.live(TEN_MINUTES)
    looks = simulation.prom.queries - queries
    assert looks >= TEN_MINUTES / 30 - 1
    resyncs = 2
    assert len(simulation.reconciles) - reconciles <= looks + resyncs
    assert len(simulation.api.writes) - writes <= looks


@pytest.mark.parametrize(("hold", "most"), [(3600, 18), (600, 25)])
async def test_who_only_waits_is_looked_at_a_twentieth_of_its_time_apart(hold: int, most: int) -> None:
    simulation = await held(hold)
    reconciles = len(simulation.reconciles)
    await simulation.live(min(TEN_MINUTES, hold - 120))
    assert len(simulation.reconciles) - reconciles <= most


async def test_a_hold_ends_on_time_though_nobody_looked_for_half_a_minute() -> None:
    simulation = await held(600)
    began = next(m.at for m in simulation.moments if m.phase == "Holding")
    await simulation.live_until(lambda s: s.phase != "Holding", 700)
    assert simulation.elapsed - began <= 602


async def test_a_clock_that_is_set_ahead_in_a_hold_hardly_ends_it_early() -> None:
    simulation = await held(600)
    began = next(m.at for m in simulation.moments if m.phase == "Holding")
    for _ in range(5):
        await simulation.live(60)
        simulation.clock_offset += 25
    await simulation.live_until(lambda s: s.phase != "Holding", 700)
    assert simulation.elapsed - began >= 600 - 5 * 15  # what counts at most where nobody knows
