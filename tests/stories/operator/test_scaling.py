"""People and autoscalers write ``spec.replicas`` whenever they like: no rollout is hurt, and nothing is lost."""

import pytest
from tests.support.simulation import (
    Behaviour,
    Simulation,
    canary,
    deployment_of,
    longest_without_endpoints,
    model_of,
    rollout,
    serving,
    spec,
    uri_of,
    wanted_pods,
    words,
)

V1, V2 = uri_of("v1"), uri_of("v2")
PHASES = ("Starting", "Reaching", "Holding", "Growing", "Switching", "Baking")
IN_TRAFFIC = PHASES[1:]


async def at(phase_wanted: str, *, replicas: int = 6, **fields: object) -> Simulation:
    """A rollout of v2 that has come to a phase."""
    simulation = await serving(replicas=replicas, requests_a_second=120)
    steps = rollout(25, 50, hold=15, bakeSeconds=30, **fields)
    if phase_wanted == "Starting":
        simulation.behave(V2, ready_after=40)
    if phase_wanted == "Growing":
        simulation.behave(V2, ready_after=lambda ordinal: 3.0 if ordinal < replicas - 1 else 25.0)
        steps = rollout(25, hold=15, bakeSeconds=30, **fields)
    simulation.change_spec(model=model_of("v2"), rollout=steps)
    await simulation.live_until(lambda s: s.phase == phase_wanted, 400)
    return simulation


def steps_of(simulation: Simulation, since: int) -> list[str]:
    """The steps that were told since."""
    return [m.partition(",")[0] for m in simulation.told("StepStarted")[since:]]


@pytest.mark.parametrize("where", PHASES)
async def test_a_rollout_is_scaled_up_wherever_it_is_and_goes_on(where: str) -> None:
    simulation = await at(where)
    step, told = (simulation.status["canary"].get("step")), len(simulation.told("StepStarted"))
    simulation.kubectl_scale(12)
    await simulation.live(4)
    if where in {"Reaching", "Holding"}:
        assert wanted_pods(simulation, "v1") == 12
        assert simulation.status["canary"].get("step") in {step, 0}
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 600)
    assert sorted(set(steps_of(simulation, told))) == steps_of(simulation, told), "each step once, in order"
    await simulation.live(10)
    assert wanted_pods(simulation, "v2") == 12
    assert simulation.lost == 0
    assert simulation.condition("Ready")["status"] == "True"


@pytest.mark.parametrize("where", IN_TRAFFIC)
async def test_while_a_canary_has_traffic_nothing_is_smaller_than_at_its_start(where: str) -> None:
    simulation = await at(where)
    simulation.kubectl_scale(2)
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        assert wanted_pods(simulation, "v1") == 6 or simulation.outcome("v2") == "Promoted", simulation.phase
        if where in {"Growing", "Switching", "Baking"}:
            assert wanted_pods(simulation, "v2") == 6
    assert simulation.lost == 0
    sizes = []
    while wanted_pods(simulation, "v2") > 2:
        sizes.append(wanted_pods(simulation, "v2"))
        assert simulation.condition("Ready")["status"] == "True", words(simulation)
        await simulation.live(5)
    assert sorted(set(sizes), reverse=True) == [6, 5, 4, 3], "one pod after the other"
    await simulation.live(10)
    assert "floor" not in simulation.status
    assert simulation.condition("Reconciling")["status"] == "False"


async def test_scaling_while_a_step_is_held_stops_no_look_and_takes_no_step_back() -> None:
    simulation = await serving(replicas=6, requests_a_second=120)
    await canary(simulation, rollout=rollout(25, hold=400))
    await simulation.live_until(lambda s: s.phase == "Holding")
    for size in (12, 5, 9, 2):
        queries = simulation.prom.queries
        simulation.kubectl_scale(size)
        for _ in range(25):
            await simulation.live(1)
            assert simulation.phase == "Holding"
            assert simulation.status["canary"]["step"] == 0
        assert simulation.prom.queries > queries, f"nobody looked at {size}"
        expected = max(size, 6)
        assert wanted_pods(simulation, "v1") == expected
        assert wanted_pods(simulation, "v2") == (expected + 1) // 3
    simulation.behave(V2, error_rate=0.5)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)
    assert len(simulation.told("StepStarted")) == 1
    assert simulation.lost == 0


@pytest.mark.parametrize("where", IN_TRAFFIC)
async def test_a_rollout_that_fails_after_it_was_scaled_down_leaves_stable_at_its_size_for_a_while(where: str) -> None:
    simulation = await at(where)
    simulation.kubectl_scale(4)
    simulation.annotate("abort@now")
    await simulation.live(5)
    assert simulation.outcome("v2") == "Aborted"
    assert wanted_pods(simulation, "v1") == 6, "the load that comes back needs them until an autoscaler has seen it"
    await simulation.live(130)
    assert wanted_pods(simulation, "v1") == 4
    assert simulation.lost == 0


@pytest.mark.parametrize("where", IN_TRAFFIC)
async def test_more_pods_than_there_is_room_for_are_held_against_no_version(where: str) -> None:
    simulation = await at(where, progressDeadlineSeconds=40)
    full = 6
    for uri in (V1, V2):
        simulation.behaviours[uri] = Behaviour(ready_after=lambda ordinal: 3.0 if ordinal < full else 1e9)
    simulation.kubectl_scale(12)
    await simulation.live(90)
    assert simulation.outcome("v2") in {"InProgress", "Promoted"}, words(simulation)
    assert simulation.lost == 0


# ---- zero ----------------------------------------------------------------------------------------------------------


async def test_a_model_is_scaled_to_zero_and_back() -> None:
    simulation = await serving()
    simulation.kubectl_scale(0)
    await simulation.live(10)
    assert simulation.pods_of(simulation.status["stable"]["revision"]) == []
    conditions = {c["type"]: (c["status"], c["reason"]) for c in simulation.status["conditions"]}
    assert conditions["Ready"] == ("False", "ScaledToZero")
    assert conditions["Available"] == ("False", "ScaledToZero")
    assert conditions["Degraded"][0] == conditions["Stalled"][0] == conditions["Reconciling"][0] == "False"
    assert simulation.status["replicas"] == 0
    assert not simulation.of_kind("PodDisruptionBudget")
    writes = len(simulation.api.writes)
    await simulation.live(120)
    assert simulation.api.writes[writes:] == [], "nothing moves at zero"
    simulation.kubectl_scale(3)
    await simulation.live_until(lambda s: s.condition("Ready")["status"] == "True", 30)
    assert simulation.of_kind("PodDisruptionBudget")


async def test_a_first_version_at_zero_is_verified_and_waits() -> None:
    simulation = Simulation()
    simulation.kubectl_apply(spec("v1", replicas=0, rollout=rollout(progressDeadlineSeconds=60)))
    await simulation.live(120)
    assert simulation.status["canary"]["sha256"]
    assert simulation.outcome("v1") == "InProgress"
    assert simulation.condition("Ready")["reason"] == "ScaledToZero"
    assert simulation.condition("Stalled")["status"] == "False"
    simulation.kubectl_scale(2)
    await simulation.live_until(lambda s: s.outcome("v1") == "Promoted", 60)


async def test_a_new_version_at_zero_is_verified_and_its_canary_begins_when_it_is_woken() -> None:
    simulation = await serving()
    simulation.kubectl_scale(0)
    await simulation.live(30)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(progressDeadlineSeconds=60))
    await simulation.live(120)
    assert simulation.told("ModelResolved")[-1].startswith("v2")
    assert simulation.stable == "v1"
    assert simulation.condition("Ready")["reason"] == "ScaledToZero"
    assert not any("resolve" not in p["metadata"]["name"] for p in simulation.of_kind("Pod"))
    simulation.behave(V1, ready_after=90)  # more than what counts as an outage of a version that was awake
    simulation.change_spec(rollout=rollout(progressDeadlineSeconds=120))
    simulation.kubectl_scale(3)
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
    assert "Rescue" not in "".join(simulation.story[-40:])
    assert [m for m in simulation.since(began) if m.endpoints.get("v1")], (
        "v1 answered first, and v2 was compared with it"
    )
    assert simulation.told("StepStarted")[-2:][0].startswith("v2: step 1 of 2")


async def test_a_bad_version_at_zero_is_refused_before_anybody_wakes_it() -> None:
    simulation = await serving()
    simulation.kubectl_scale(0)
    simulation.behave(V2, report={"ok": False, "reason": "ModelInvalid", "message": "not ONNX"})
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    simulation.kubectl_scale(3)
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v1": 3}


@pytest.mark.parametrize("where", PHASES)
async def test_a_rollout_that_sleeps_costs_next_to_nothing(where: str) -> None:
    simulation = await at(where)
    simulation.kubectl_scale(0)
    await simulation.live(90)
    began, queries = simulation.elapsed, simulation.prom.queries
    await simulation.live(600)
    assert simulation.prom.queries == queries
    assert sum(at > began for at, *_ in simulation.api.writes) <= 12
    assert sum(at > began for at in simulation.reconciles) <= 125


@pytest.mark.parametrize("where", PHASES)
async def test_a_rollout_sleeps_at_zero_and_goes_on_where_it_was(where: str) -> None:
    simulation = await at(where, progressDeadlineSeconds=60)
    simulation.behave(V2)
    step = simulation.status["canary"].get("step")
    simulation.kubectl_scale(0)
    await simulation.live(90)
    assert not any("resolve" not in p["metadata"]["name"] for p in simulation.of_kind("Pod"))
    assert simulation.condition("Ready")["reason"] == "ScaledToZero", words(simulation)
    assert simulation.condition("Stalled")["status"] == "False"
    assert simulation.condition("Degraded")["status"] == "False", words(simulation)
    assert simulation.outcome("v2") == "InProgress"
    told = len(simulation.told("StepStarted"))
    simulation.kubectl_scale(6)
    began = simulation.elapsed
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 600)
    again = simulation.told("StepStarted")[told:]
    if where in {"Switching", "Baking"}:
        assert again == [], "a version that had all traffic has it again"
    elif step is not None:
        assert again[0].startswith(f"v2: step {step + 1} of"), again
    assert longest_without_endpoints(simulation.since(began + 15)) == 0
    assert deployment_of(simulation, "v1") is None or wanted_pods(simulation, "v1") == 6


async def test_a_version_that_fell_asleep_with_all_traffic_is_not_given_up_because_it_wakes_up_later() -> None:
    simulation = await at("Baking")
    simulation.kubectl_scale(0)
    await simulation.live(60)
    simulation.behave(V2, ready_after=30)
    simulation.kubectl_scale(3)
    await simulation.live_until(lambda s: s.outcome("v2") != "InProgress", 400)
    assert simulation.outcome("v2") == "Promoted"


async def test_a_rollout_can_be_ended_at_zero_and_leaves_nothing_behind() -> None:
    simulation = await at("Holding")
    simulation.kubectl_scale(0)
    simulation.annotate("abort@asleep")
    await simulation.live(30)
    assert simulation.outcome("v2") == "Aborted"
    assert deployment_of(simulation, "v2") is None
    assert not simulation.of_kind("Pod")


async def test_a_woken_version_that_never_gets_ready_is_replaced_in_the_end() -> None:
    simulation = await serving(rollout=rollout(progressDeadlineSeconds=60))
    simulation.kubectl_scale(0)
    await simulation.live(30)
    simulation.behave(V1, never_ready=True)
    simulation.kubectl_scale(3)
    await simulation.live(30)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 400)
