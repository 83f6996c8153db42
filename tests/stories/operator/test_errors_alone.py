"""A version that answers only errors goes back also when it has all requests, so that nobody is beside it to be compared with."""

from typing import Any

import pytest
from tests.support.simulation import (
    GATEWAY,
    Flap,
    Simulation,
    behind_gateway,
    behind_route,
    late_from,
    model_of,
    rollout,
    serving,
    uri_of,
)

V1, V2 = uri_of("v1"), uri_of("v2")
ERRORS = {"intervalSeconds": 5, "minSamples": 50, "metrics": [{"name": "errors", "errorRate": {}}]}
INTERVAL, SCRAPES, TO_ACT = 5, 2, 2
PINS = [{"header": {"name": "X-Tester", "value": "yes"}, "to": "Canary"}]
STRATEGIES: dict[str, dict[str, Any]] = {
    "steps": {"steps": [{"weight": 25, "holdSeconds": 10}]},
    "shrink": {"steps": [{"weight": 50, "holdSeconds": 10}], "stableScale": "Shrink"},
    "blue green": {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 5}},
    "shadow": {"strategy": "Shadow", "shadow": {"holdSeconds": 10}},
    "testers": {"strategy": "ABTest", "abTest": {"holdSeconds": 10}},
}
ASIDE = {"shadow", "testers"}
"""What only a route of ours can do."""
WAYS = [
    (how, way) for how in STRATEGIES for way in ("pods", "gateway", "route") if way == "gateway" or how not in ASIDE
]


async def rolled_out(strategy: str, way: str, **more: Any) -> Simulation:
    """v1 serves, and v2 is on its way."""
    fields: dict[str, Any] = {"analysis": False, "replicas": 4, **more}
    match way:
        case "gateway":
            traffic = {**GATEWAY, **({"pins": PINS} if strategy == "testers" else {})}
            simulation = await behind_gateway(**fields, traffic=traffic)
        case "route":
            simulation = await behind_route(**fields)
        case _:
            simulation = await serving(**fields)
    simulation.network.testers_a_second = 5
    wanted = {**STRATEGIES[strategy], "bakeSeconds": 120}
    simulation.change_spec(analysis=ERRORS, model=model_of("v2"), rollout=wanted)
    return simulation


async def last_answer(simulation: Simulation, limit: float = 60) -> float:
    """Seconds from now until v2 answers for the last time."""
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", limit)
    await simulation.live(5)
    return max((m.at for m in simulation.since(began) if "v2" in m.answered), default=began) - began


@pytest.mark.parametrize(("strategy", "way"), WAYS)
@pytest.mark.parametrize("state", ["Switching", "Baking"])
async def test_it_is_at_nothing_within_an_interval_after_its_first_request(strategy: str, way: str, state: str) -> None:
    simulation = await rolled_out(strategy, way)
    await simulation.live_until(lambda s: s.phase == state, 300)
    simulation.behave(V2, error_rate=1.0)
    half_a_look = INTERVAL / 2 if state == "Baking" else 0
    assert await last_answer(simulation) <= INTERVAL + half_a_look + SCRAPES + TO_ACT
    version = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert version["reason"] == "AnalysisFailed"
    assert "requests failed" in version["message"]
    assert simulation.stable == "v1"
    assert set(simulation.moments[-1].answered) == {"v1"}


@pytest.mark.parametrize("how", ["one pod flaps", "its last pod loads"])
async def test_so_it_does_while_its_pods_have_troubles_of_their_own(how: str) -> None:
    trouble: dict[str, Any] = {"flap": Flap(up=15, down=5, pods=frozenset({0}))}
    if how == "its last pod loads":
        trouble = {"ready_after": late_from(3, 600)}
    simulation = await rolled_out("steps", "pods")
    simulation.behave(V2, **trouble)
    await simulation.live_until(lambda s: s.phase == "Baking", 300)
    simulation.behave(V2, **trouble, error_rate=1.0)
    assert await last_answer(simulation) <= 2 * INTERVAL + SCRAPES + TO_ACT


async def test_who_sent_nonsense_before_blames_nobody_now() -> None:
    simulation = await serving(analysis=False, replicas=4)
    simulation.behave(V1, error_rate=0.3)
    simulation.behave(V2, error_rate=0.3)
    simulation.change_spec(analysis=ERRORS, model=model_of("v2"), rollout=rollout(50, hold=10, bakeSeconds=40))
    await simulation.live_until(lambda s: s.phase == "Baking", 300)
    simulation.behave(V2, error_rate=0.8)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)


async def test_some_errors_in_the_bake_are_told_and_blame_nobody_since_hours_differ() -> None:
    simulation = await rolled_out("steps", "pods")
    await simulation.live_until(lambda s: s.phase == "Baking", 300)
    simulation.behave(V2, error_rate=0.3)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


async def test_a_version_that_a_person_went_back_to_is_kept_whatever_it_answers() -> None:
    simulation = await rolled_out("blue green", "pods")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    simulation.behave(V1, error_rate=1.0)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    await simulation.live(30)
    assert simulation.stable == "v1"
