"""What steps of a canary say beside their weight: none at all, a number of pods, samples of their own."""

from typing import Any

from tests.support.simulation import (
    ANALYSIS,
    Crash,
    Simulation,
    canary,
    model_of,
    phase,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)
from tests.support.simulation.faults import unavailable

V2 = uri_of("v2")


def steps(*each: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"steps": [{"holdSeconds": 10, **step} for step in each], "bakeSeconds": 10, **more}


def step_of(simulation: Simulation) -> int | None:
    return (simulation.status.get("canary") or {}).get("step")


def _has_passed(status: dict[str, Any]) -> bool:
    return bool(status.get("lookedAfterHold")) and status.get("verdict") == "Pass"


async def asked_for_v2(wanted: dict[str, Any], **more: Any) -> Simulation:
    simulation = await serving(rollout=wanted, **{"analysis": False, "calm": 5, **more})
    simulation.change_spec(model=model_of("v2"))
    return simulation


# ---- weight 0 ----------------------------------------------------------------------------------------------------------


async def test_a_first_step_of_weight_0_warms_its_pods_and_lets_nobody_in() -> None:
    simulation = await asked_for_v2(steps({"weight": 0, "pods": 2}, {"weight": 50}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert (step_of(simulation), wanted_pods(simulation, "v2")) == (0, 2)
    assert simulation.condition("Ready")["reason"] == "Previewed"
    await simulation.live(9)
    assert "v2" not in simulation.network.answered
    await simulation.live_until(lambda s: step_of(s) == 1, 60)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 3}
    await simulation.live_until(lambda s: s.stable == "v2", 60)


async def test_a_step_of_weight_0_has_one_pod_where_nothing_is_said_of_pods() -> None:
    simulation = await asked_for_v2(steps({"weight": 0}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert wanted_pods(simulation, "v2") == 1
    await simulation.live_until(lambda s: s.stable == "v2", 60)
    assert {tuple(sorted(m.answered)) for m in simulation.moments if m.answered} == {("v1",), ("v2",)}


async def test_evidence_is_gathered_from_the_first_step_that_has_requests() -> None:
    simulation = await asked_for_v2(steps({"weight": 0}, {"weight": 50, "holdSeconds": 60}), analysis=True, calm=45)
    simulation.behave(V2, error_rate=0.5)
    while not simulation.network.answered.get("v2"):
        assert "verdict" not in simulation.status.get("canary", {})
        await simulation.live(1)
    assert phase(simulation) == "Reaching"
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert "AnalysisFailed" in words(simulation)


async def test_without_prometheus_a_step_of_weight_0_is_held_and_none_with_requests_begins() -> None:
    simulation = await asked_for_v2(steps({"weight": 0}, {"weight": 50}), analysis=True, prometheus=False)
    await simulation.live(60)
    assert (phase(simulation), step_of(simulation)) == ("Holding", 0)
    assert simulation.condition("Stalled")["reason"] == "PrometheusNotConfigured"
    assert "v2" not in simulation.network.answered


async def test_a_canary_that_crashes_at_weight_0_is_rolled_back() -> None:
    simulation = await asked_for_v2(steps({"weight": 0, "holdSeconds": 60}, {"weight": 50}))
    simulation.behave(V2, crash=Crash(after=4))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert "v2" not in simulation.network.answered


async def test_steps_that_are_edited_while_nobody_has_been_let_in_begin_with_the_first() -> None:
    simulation = await asked_for_v2(steps({"weight": 0, "holdSeconds": 600}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(rollout=rollout(25, 50, hold=20))
    await simulation.live_until(lambda s: phase(s) == "Holding" and s.status["canary"]["weight"] == 25, 30)
    assert step_of(simulation) == 0


async def test_a_weight_that_is_in_force_is_not_taken_back_to_0() -> None:
    simulation = await asked_for_v2(steps({"weight": 25, "holdSeconds": 600}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(rollout=steps({"weight": 0, "pods": 3, "holdSeconds": 600}))
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 1}


# ---- pods --------------------------------------------------------------------------------------------------------------


async def test_pods_of_a_step_decide_and_the_weight_follows_from_them() -> None:
    simulation = await asked_for_v2(steps({"weight": 25, "pods": 2, "holdSeconds": 20}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert (wanted_pods(simulation, "v2"), simulation.status["canary"]["weight"]) == (2, 40)
    assert simulation.told("StepStarted") == ["v2: step 1 of 1, weight 25 %; the pods there are make it 40 %"]


async def test_a_portion_of_the_pods_follows_the_size_of_stable() -> None:
    simulation = await asked_for_v2(steps({"weight": 0, "pods": "50%", "holdSeconds": 60}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert wanted_pods(simulation, "v2") == 2
    simulation.kubectl_scale(8)
    await simulation.live(10)
    assert wanted_pods(simulation, "v2") == 4


async def test_there_are_never_more_pods_of_a_step_than_of_stable() -> None:
    simulation = await asked_for_v2(steps({"weight": 0, "pods": 20, "holdSeconds": 60}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert wanted_pods(simulation, "v2") == 3


async def test_pods_that_make_another_weight_are_refused_in_words_before_the_first_request() -> None:
    simulation = await serving(analysis=False, calm=5, rollout=steps({"weight": 10, "pods": 3}))
    told = "spec.rollout.steps[0]: 3 canary pods beside 3 of stable get 50 % of the connections, not 10 %"
    assert simulation.condition("Degraded")["message"].startswith(told)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert simulation.condition("Stalled")["message"].startswith(told)
    assert "v2" not in simulation.network.answered
    simulation.change_spec(rollout=steps({"weight": 50, "pods": 3}))
    await simulation.live_until(lambda s: s.stable == "v2", 60)


async def test_a_step_ahead_that_becomes_impossible_is_not_begun() -> None:
    simulation = await asked_for_v2(steps({"weight": 25, "holdSeconds": 20}, {"weight": 50}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(rollout=steps({"weight": 25, "holdSeconds": 20}, {"weight": 60, "pods": 1}))
    await simulation.live(40)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 1}
    assert "spec.rollout.steps[1]" in simulation.condition("Stalled")["message"]


async def test_a_present_step_that_becomes_impossible_keeps_its_weight_and_is_held() -> None:
    simulation = await asked_for_v2(steps({"weight": 25, "holdSeconds": 20}))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.change_spec(rollout=steps({"weight": 25, "holdSeconds": 20, "pods": 3}))
    await simulation.live(40)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 1}
    assert "spec.rollout.steps[0]" in simulation.condition("Stalled")["message"]
    simulation.change_spec(rollout=steps({"weight": 25, "holdSeconds": 20, "pods": 2}))
    await simulation.live_until(lambda s: s.stable == "v2", 60)


# ---- minSamples --------------------------------------------------------------------------------------------------------


async def test_a_step_with_samples_of_its_own_waits_for_them_and_the_next_does_not() -> None:
    """A quarter of 40 requests a second are ten: 800 take 80 s, where the analysis asks for 50."""
    wanted = steps({"weight": 25, "minSamples": 800}, {"weight": 50})
    simulation = await asked_for_v2(wanted, analysis=True, calm=45)
    await simulation.live_until(lambda s: step_of(s) == 0, 60)
    began = simulation.elapsed
    await simulation.live(30)
    assert "of 800" in simulation.condition("Ready")["message"]
    await simulation.live_until(lambda s: step_of(s) == 1, 200)
    assert simulation.elapsed - began >= 75
    began = simulation.elapsed
    await simulation.live_until(lambda s: phase(s) not in {"Reaching", "Holding"}, 60)
    assert simulation.elapsed - began <= 30


async def test_a_step_may_need_fewer_samples_than_the_analysis_asks_for() -> None:
    wanted = steps({"weight": 25, "minSamples": 20})
    simulation = await serving()
    await canary(simulation, rollout=wanted, analysis={**ANALYSIS, "minSamples": 100_000})
    await simulation.live_until(lambda s: phase(s) == "Baking", 60)
    assert simulation.status["canary"]["verdict"] != "Fail"
    await simulation.live_until(lambda s: s.stable == "v2", 60)


async def test_more_samples_that_are_asked_for_while_people_pause_are_waited_for() -> None:
    simulation = await serving()
    slow = {**ANALYSIS, "intervalSeconds": 30}
    await canary(simulation, rollout=steps({"weight": 25, "holdSeconds": 20}), analysis=slow)
    simulation.change_spec(paused=True)
    await simulation.live_until(lambda s: _has_passed(s.status["canary"]), 200)
    simulation.change_spec(rollout=steps({"weight": 25, "holdSeconds": 20, "minSamples": 100_000}), paused=None)
    await simulation.live(25)
    assert (phase(simulation), step_of(simulation)) == ("Holding", 0)
    assert "of 100,000" in simulation.condition("Ready")["message"]


async def test_pods_that_a_step_has_too_many_get_no_request_on_their_way_out() -> None:
    wanted = steps({"weight": 0, "pods": "100%"}, {"weight": 10, "holdSeconds": 20})
    simulation = await asked_for_v2(wanted, replicas=9)
    simulation.refuse(unavailable(verb="scale", times=5))
    await simulation.live_until(lambda s: step_of(s) == 1, 60)
    assert max(m.endpoints.get("v2", 0) for m in simulation.moments) == 1


async def test_a_version_that_was_to_get_everything_and_becomes_a_canary_gets_its_step_only() -> None:
    simulation = await asked_for_v2({"strategy": "Immediate"}, replicas=9, paused=True)
    await simulation.live_until(lambda s: wanted_pods(s, "v2") == 9, 30)
    await simulation.live(5)
    simulation.refuse(unavailable(verb="scale", times=5))
    simulation.change_spec(rollout=rollout(10, hold=20), paused=None)
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert max(m.endpoints.get("v2", 0) for m in simulation.moments) == 1
