"""A canary that answers requests is judged, whatever else goes on; and what Prometheus says is never believed too easily."""

from typing import Any

import pytest
from tests.support.simulation import (
    ANALYSIS,
    Flap,
    Simulation,
    Trouble,
    canary,
    late_from,
    rollout,
    serving,
    wanted_pods,
    words,
)

V2 = "http://models/v2.onnx"
LATEST_LOOK = 5 + 2 + 2
"""An interval, two scrapes that a look lies back, and two seconds to act."""


async def seconds_until_gone(simulation: Simulation, version: str, limit: float = 400) -> float:
    began = simulation.elapsed
    await simulation.live_until(lambda s: version not in s.moments[-1].endpoints, limit)
    return simulation.elapsed - began


async def test_a_canary_that_turns_bad_while_its_last_pods_load_is_taken_out_at_once() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 540))
    await canary(simulation, rollout=rollout(25))
    await simulation.live_until(lambda s: wanted_pods(s, "v2") == 3)
    simulation.behave(V2, ready_after=late_from(1, 540), error_rate=1.0)
    assert await seconds_until_gone(simulation, "v2") <= LATEST_LOOK
    assert simulation.outcome("v2") == "RolledBack"


async def test_a_canary_that_turns_bad_between_two_steps_is_taken_out_at_once() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 300))
    await canary(simulation)
    await simulation.live_until(lambda s: wanted_pods(s, "v2") == 3)
    simulation.behave(V2, ready_after=late_from(1, 300), accuracy=0.0)
    assert await seconds_until_gone(simulation, "v2") <= LATEST_LOOK
    assert simulation.outcome("v2") == "RolledBack"


@pytest.mark.parametrize("interval", [5, 10, 30])
async def test_the_first_look_comes_an_interval_after_the_first_request_and_not_after_the_weight_is_in_force(
    interval: int,
) -> None:
    simulation = await serving()
    simulation.behave(V2, error_rate=1.0)
    await canary(simulation, analysis={**ANALYSIS, "intervalSeconds": interval}, rollout=rollout(25, hold=600))
    await simulation.live_until(lambda s: "v2" in s.moments[-1].endpoints)
    assert await seconds_until_gone(simulation, "v2") <= interval + 1
    assert simulation.outcome("v2") == "RolledBack"


@pytest.mark.parametrize("deployment", ["v1", "v2"])
async def test_a_bad_canary_is_rolled_back_though_a_pod_comes_and_goes(deployment: str) -> None:
    simulation = await serving(scrape_seconds=15.0)
    simulation.behave(V2, error_rate=0.5)
    flap = Flap(up=45, down=5, pods=frozenset({0}) if deployment == "v1" else None)
    simulation.behaviour(f"http://models/{deployment}.onnx").flap = flap
    await canary(simulation, analysis={**ANALYSIS, "intervalSeconds": 30}, rollout=rollout(hold=60))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 300)
    assert simulation.stable == "v1"


async def test_a_blip_in_every_interval_does_not_keep_a_bad_canary_in_traffic() -> None:
    simulation = await serving()
    simulation.behave(V2, error_rate=0.5, flap=Flap(up=4, down=1))
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 120)


async def test_a_good_canary_is_promoted_though_one_stable_pod_comes_and_goes() -> None:
    simulation = await serving()
    simulation.behave("http://models/v1.onnx", flap=Flap(up=45, down=5, pods=frozenset({0})))
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 600)
    assert simulation.stable == "v2"


async def test_a_bad_canary_is_found_though_prometheus_scrapes_slower_than_the_operator_was_told() -> None:
    simulation = await serving(scrapes_every=60.0, scrape_seconds=5.0, calm=200)
    simulation.behave(V2, error_rate=0.5)
    await canary(simulation, analysis={**ANALYSIS, "intervalSeconds": 30}, rollout=rollout(25, hold=60))
    await simulation.live(400)
    told = words(simulation)
    assert simulation.outcome("v2") == "RolledBack" or "prometheus.scrapeIntervalSeconds" in told, told


LIES = [Trouble.NAN, Trouble.INFINITE, Trouble.FALLS, Trouble.WITHOUT_AGE]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name.lower())
async def test_numbers_that_cannot_be_right_decide_nothing_and_are_told(lie: Trouble) -> None:
    simulation = await serving()
    await canary(simulation)
    simulation.prometheus_trouble(lie)
    await simulation.live(120)
    assert simulation.errors == []
    assert simulation.outcome("v2") == "InProgress"
    assert simulation.stable == "v1"
    told = words(simulation) + str(simulation.status["canary"].get("analysis"))
    assert "serin_feedback_total" in told or "serin_requests_total" in told, told
    simulation.prometheus_trouble(None)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


SILENCE = [Trouble.DOWN, Trouble.HANGS, Trouble.SILENT, Trouble.PARTIAL]


@pytest.mark.parametrize("silence", SILENCE, ids=lambda trouble: trouble.name.lower())
async def test_a_prometheus_that_says_nothing_holds_the_canary_and_the_conditions_tell(silence: Trouble) -> None:
    simulation = await serving()
    await canary(simulation)
    simulation.prometheus_trouble(silence)
    await simulation.live(120)
    assert simulation.errors == []
    assert simulation.outcome("v2") == "InProgress"
    reasons = {c["reason"] for c in simulation.status["conditions"]}
    assert reasons & {"PrometheusUnreachable", "WaitingForData"}, reasons
    simulation.prometheus_trouble(None)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_person_can_abort_at_once_while_prometheus_hangs() -> None:
    simulation = await serving()
    await canary(simulation)
    simulation.prometheus_trouble(Trouble.HANGS)
    await simulation.live(60)
    simulation.annotate("abort@now")
    assert await seconds_until_gone(simulation, "v2") <= 15


async def verdict_of(simulation: Simulation) -> Any:
    return (simulation.status.get("canary") or {}).get("verdict")


async def test_verdicts_go_with_the_analysis_that_gave_them() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=120))
    await simulation.live(30)
    assert await verdict_of(simulation) is not None
    simulation.change_spec(analysis=None)
    await simulation.live(10)
    assert simulation.outcome("v2") == "InProgress"
    assert await verdict_of(simulation) is None
    assert not simulation.status["canary"].get("analysis")
