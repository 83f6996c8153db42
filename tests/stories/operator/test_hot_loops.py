"""Whatever stands in the way, the operator looks again with patience, and says what it waits for."""

import pytest
from tests.support.simulation import (
    ANALYSIS,
    Crash,
    Simulation,
    Trouble,
    busiest_minute,
    canary,
    deployment_of,
    rollout,
    serving,
    uri_of,
    words,
)
from tests.support.simulation.faults import Fault, invalid, quota, unavailable, webhook

MOST_A_MINUTE = 60
V2 = uri_of("v2")


def looks(simulation: Simulation, seconds: float) -> int:
    return busiest_minute(at for at in simulation.reconciles if at > simulation.elapsed - seconds)


def troubled(simulation: Simulation) -> bool:
    return "True" in {simulation.condition("Degraded")["status"], simulation.condition("Stalled")["status"]}


async def test_analysis_that_is_added_in_mid_rollout_without_prometheus_is_told_and_no_hot_loop() -> None:
    simulation = await serving(analysis=False, prometheus=False)
    await canary(simulation, rollout=rollout(25, hold=600))
    simulation.change_spec(analysis=ANALYSIS)
    await simulation.live(180)
    assert looks(simulation, 150) <= MOST_A_MINUTE
    assert troubled(simulation), words(simulation)
    assert "prometheus.url" in words(simulation)


async def test_analysis_that_cannot_be_is_told_and_no_hot_loop() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    twice = {**ANALYSIS, "metrics": [ANALYSIS["metrics"][0], ANALYSIS["metrics"][0]]}
    simulation.change_spec(analysis=twice)
    await simulation.live(180)
    assert simulation.errors == []
    assert looks(simulation, 150) <= MOST_A_MINUTE
    assert troubled(simulation), words(simulation)


REFUSALS = {
    "a webhook refuses the canary's Deployment": lambda: webhook(verb="create", kind="Deployment"),
    "a webhook refuses the client Service's edit": lambda: webhook(verb="apply", kind="Service", name="credit-risk"),
    "a webhook refuses the Job": lambda: webhook(verb="create", kind="Job"),
    "a webhook refuses the birth": lambda: webhook(verb="create", kind="ControllerRevision"),
    "a webhook refuses every write": webhook,
    "a webhook refuses deletions": lambda: webhook(verb="delete"),
    "a webhook refuses scaling": lambda: webhook(verb="scale"),
    "a quota is used up": lambda: quota(verb="create", kind="Deployment"),
    "a field is refused": lambda: invalid(verb="create", kind="Deployment"),
    "the API server is away": lambda: unavailable(times=None),
    "the API server is away for the Service": lambda: unavailable(verb="apply", kind="Service", times=None),
}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal)
async def test_refused_writes_are_tried_with_patience_and_told(refusal: str) -> None:
    simulation = await serving()
    fault: Fault = simulation.refuse(REFUSALS[refusal]())
    simulation.behave(V2, error_rate=0.5 if "delet" in refusal else 0.0)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live(240)
    assert fault.seen > 0
    assert simulation.errors == []
    assert looks(simulation, 180) <= MOST_A_MINUTE
    assert simulation.lost == 0
    if fault.verb is not None and "away" not in refusal:
        assert troubled(simulation), words(simulation)
    assert simulation.moments[-1].endpoints.get("v1"), words(simulation)
    simulation.api.faults.declared.clear()
    await simulation.live_until(lambda s: s.outcome("v2") in {"Promoted", "RolledBack"}, 400)


async def test_the_changing_part_of_a_refusal_fills_neither_status_nor_events() -> None:
    simulation = await serving()
    simulation.refuse(webhook(verb="create", kind="Deployment"))
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live(60)
    writes, events = simulation.written("status"), len(simulation.api.events)
    await simulation.live(300)
    assert simulation.written("status") - writes <= 10
    assert len(simulation.api.events) - events <= 3
    assert "policy.example.com" in words(simulation)


async def test_evidence_of_a_newer_operator_makes_no_hot_loop() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    await simulation.live(20)
    newer = {"metrics": {"errors": {"colour": "blue"}}, "schema": 99}
    simulation.edit_status(lambda status: status["canary"].update(evidence=newer))
    await simulation.live(180)
    assert simulation.errors == []
    assert looks(simulation, 150) <= MOST_A_MINUTE
    assert simulation.outcome("v2") == "InProgress"


@pytest.mark.parametrize("trouble", list(Trouble), ids=lambda trouble: trouble.name.lower())
async def test_a_prometheus_in_trouble_makes_no_hot_loop(trouble: Trouble) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    simulation.prometheus_trouble(trouble)
    await simulation.live(180)
    assert looks(simulation, 150) <= MOST_A_MINUTE


async def test_crashing_pods_make_no_hot_loop() -> None:
    simulation = await serving()
    simulation.behave(uri_of("v1"), crash=Crash(after=1))
    await simulation.live(300)
    assert looks(simulation, 300) <= MOST_A_MINUTE


async def test_a_quiet_cluster_is_looked_at_only_now_and_then() -> None:
    simulation = await serving()
    reconciles, writes = len(simulation.reconciles), len(simulation.api.writes)
    await simulation.live(900)
    assert len(simulation.reconciles) - reconciles <= 10
    assert len(simulation.api.writes) == writes


async def test_a_week_long_hold_writes_status_once_in_a_while() -> None:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, hold=604_800))
    await simulation.live(120)
    writes = simulation.written("status")
    await simulation.live(600)
    assert simulation.written("status") - writes <= 30


async def test_a_long_hold_is_looked_at_every_ten_seconds_and_a_short_one_every_five() -> None:
    for hold, most in ((604_800, 62), (300, 122)):
        simulation = await serving(analysis=False)
        await canary(simulation, rollout=rollout(25, hold=hold))
        await simulation.live_until(lambda s: s.phase == "Holding")
        began = len(simulation.reconciles)
        await simulation.live(600 if hold > 600 else 250)
        assert len(simulation.reconciles) - began <= most
        assert simulation.phase == "Holding"


async def test_a_status_of_stable_that_changes_at_every_look_keeps_nothing_from_going_on() -> None:
    """Nothing is to be written to stable's Deployment, so that what its controller writes there matters to nobody."""
    simulation = await serving()

    def meanwhile() -> None:
        for deployment in [found] if (found := deployment_of(simulation, "v1")) else []:
            deployment["status"] = {**deployment.get("status", {}), "collisionCount": simulation.version}
            simulation.touch(deployment)

    simulation.api.after_observation.append(meanwhile)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
