"""Time is what was observed: clocks of new leaders may be wrong, Prometheus may be away, people may pause."""

import pytest
from tests.support.simulation import ANALYSIS, Trouble, canary, rollout, serving, words

HOUR = 3600.0


@pytest.mark.parametrize("offset", [-HOUR, HOUR, -30.0, 30.0], ids=["hour behind", "hour ahead", "behind", "ahead"])
async def test_a_new_leader_with_another_clock_goes_on(offset: float) -> None:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, 50, hold=60))
    await simulation.live(20)
    simulation.restart_operator(clock_offset=offset)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 240)
    assert simulation.lost == 0


@pytest.mark.parametrize("offset", [-HOUR, -30.0], ids=["hour behind", "behind"])
async def test_a_new_leader_whose_clock_is_behind_still_gets_rid_of_a_bad_canary(offset: float) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    await simulation.live(20)
    simulation.restart_operator(clock_offset=offset)
    simulation.behave("http://models/v2.onnx", error_rate=1.0)
    await simulation.live(300)
    gone = "v2" not in simulation.moments[-1].endpoints
    assert gone or "clock" in words(simulation), words(simulation)


async def test_a_clock_that_jumps_ahead_uses_up_no_deadline() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(hold=60, deadlineSeconds=600, onDeadline="Rollback"))
    simulation.restart_operator(clock_offset=HOUR)
    await simulation.live(15)
    assert simulation.outcome("v2") == "InProgress"


async def test_while_every_verdict_is_a_pass_no_deadline_for_verdicts_runs() -> None:
    simulation = await serving()
    wanted = rollout(25, 50, hold=100, deadlineSeconds=120, onDeadline="Rollback")
    await canary(simulation, rollout=wanted)
    await simulation.live_until(lambda s: s.outcome("v2") != "InProgress", 400)
    assert simulation.outcome("v2") == "Promoted", words(simulation)


async def test_looks_that_are_rarer_than_a_hold_use_up_no_deadline_either() -> None:
    simulation = await serving()
    wanted = rollout(25, 50, hold=10, deadlineSeconds=90, onDeadline="Rollback")
    await canary(
        simulation, rollout=wanted, analysis={**ANALYSIS, "intervalSeconds": 50, "metrics": ANALYSIS["metrics"][:1]}
    )
    await simulation.live_until(lambda s: s.outcome("v2") != "InProgress", 600)
    assert simulation.outcome("v2") == "Promoted", words(simulation)


@pytest.mark.parametrize("on_deadline", ["Rollback", "Promote", "Pause"])
async def test_while_prometheus_is_away_no_deadline_for_verdicts_runs(on_deadline: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(hold=20, deadlineSeconds=120, onDeadline=on_deadline))
    simulation.prometheus_away_for(400)
    await simulation.live(395)
    assert simulation.outcome("v2") == "InProgress", words(simulation)
    assert simulation.stable == "v1"
    assert simulation.condition("Degraded")["reason"] == "PrometheusUnreachable"
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


@pytest.mark.parametrize("on_deadline", ["Rollback", "Promote", "Pause"])
async def test_while_a_person_pauses_no_deadline_for_verdicts_runs(on_deadline: str) -> None:
    simulation = await serving(requests_a_second=0)
    await canary_without_requests(simulation, on_deadline)
    simulation.change_spec(paused=True)
    await simulation.live(400)
    assert simulation.outcome("v2") == "InProgress", words(simulation)
    assert simulation.condition("Ready")["reason"] == "Paused"


async def canary_without_requests(simulation, on_deadline: str) -> None:
    wanted = rollout(hold=20, deadlineSeconds=120, onDeadline=on_deadline)
    simulation.change_spec(model={"version": "v2", "uri": "http://models/v2.onnx"}, rollout=wanted)
    await simulation.live_until(lambda s: s.moments[-1].endpoints.get("v2"), 60)


async def test_time_without_a_verdict_does_use_up_the_deadline() -> None:
    simulation = await serving(requests_a_second=0)
    await canary_without_requests(simulation, "Rollback")
    await simulation.live(300)
    assert simulation.outcome("v2") == "RolledBack"


@pytest.mark.parametrize("silence", [Trouble.SILENT, Trouble.WITHOUT_AGE], ids=lambda trouble: trouble.name.lower())
async def test_data_that_never_come_do_not_hold_for_ever_without_a_word(silence: Trouble) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(deadlineSeconds=60))
    simulation.prometheus_trouble(silence)
    await simulation.live(300)
    assert simulation.condition("Stalled")["status"] == "True" or "prometheus" in words(simulation).lower()
