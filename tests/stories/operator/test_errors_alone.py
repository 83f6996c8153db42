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
    wanted_pods,
)

V1, V2 = uri_of("v1"), uri_of("v2")
ERRORS = {"intervalSeconds": 5, "minSamples": 50, "metrics": [{"name": "errors", "errorRate": {}}]}
INTERVAL, SCRAPES = 5, 2
"""Seconds; a look ends two scrapes of a second back, and what it says is done in the second in which it is asked for."""
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
    assert await last_answer(simulation) <= INTERVAL + SCRAPES
    version = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert version["reason"] == "AnalysisFailed"
    assert "requests failed" in version["message"]
    assert simulation.stable == "v1"
    assert set(simulation.moments[-1].answered) == {"v1"}


TROUBLES: dict[str, dict[str, Any]] = {
    "nothing is the matter": {},
    "all its pods flap": {"flap": Flap(up=15, down=5)},
    "one pod flaps": {"flap": Flap(up=15, down=5, pods=frozenset({0}))},
    "its last pod loads for ten minutes": {"ready_after": late_from(3, 600)},
}
STATES = {"Reaching": 1, "Holding": 60, "Growing": 5, "Baking": 5}
"""And for how long the step before is held."""


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("state", STATES)
async def test_it_is_at_nothing_within_an_interval_and_two_scrapes_wherever_it_begins_to_fail(
    state: str, trouble: str
) -> None:
    how = TROUBLES[trouble]
    if state in {"Reaching", "Growing"} and not how:
        how = {"ready_after": late_from(1, 90)}
    steps = [{"weight": 25, "holdSeconds": STATES[state]}, {"weight": 50, "holdSeconds": 10}]
    simulation = await serving(analysis=False, replicas=4)
    simulation.behave(V2, **how)
    wanted = {"steps": steps[: 1 if state == "Growing" else 2], "bakeSeconds": 400}
    simulation.change_spec(analysis=ERRORS, model=model_of("v2"), rollout=wanted)

    def is_there(s: Simulation) -> bool:
        return s.phase == state and "v2" in s.moments[-1].answered and (state != "Reaching" or wanted_pods(s, "v2") > 1)

    await simulation.live_until(is_there, 900)
    await simulation.live(3)  # the open look has begun, so it tells of both times
    simulation.behave(V2, **how, error_rate=1.0)
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    await simulation.live(3)
    answered = [m.at for m in simulation.since(began + 0.5) if "v2" in m.answered]
    assert len(answered) <= INTERVAL + SCRAPES, "requests may reach it for so many seconds"


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
