"""Pods come late, one by one, come and go: clocks count what they claim, and progress is progress."""

from tests.support.simulation import (
    Flap,
    canary,
    one_by_one,
    rollout,
    serving,
    wanted_pods,
    with_analysis,
    words,
)

V2 = "http://models/v2.onnx"


async def test_a_ready_canary_that_was_paused_for_long_is_forgiven_a_blip() -> None:
    simulation = await serving()
    simulation.kubectl_apply(with_analysis("v2", paused=True, rollout=rollout(progressDeadlineSeconds=30)))
    await simulation.live(100)
    revision = simulation.status["canary"]["revision"]
    simulation.blip(revision, 3)
    await simulation.live(20)
    assert simulation.outcome("v2") == "InProgress", words(simulation)
    simulation.change_spec(paused=None)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)


async def test_a_canary_in_traffic_that_was_paused_for_long_is_forgiven_a_blip() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(progressDeadlineSeconds=30))
    simulation.change_spec(paused=True)
    await simulation.live(100)
    simulation.blip(simulation.status["canary"]["revision"], 3)
    await simulation.live(20)
    assert simulation.outcome("v2") == "InProgress", words(simulation)


async def test_many_pods_that_come_one_by_one_are_progress() -> None:
    simulation = await serving(replicas=20, requests_a_second=100)
    simulation.behave(V2, ready_after=one_by_one(10))
    await canary(simulation, rollout=rollout(50, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 600)


async def test_many_pods_of_a_version_without_steps_come_one_by_one() -> None:
    simulation = await serving(replicas=20, analysis=False)
    simulation.behave(V2, ready_after=one_by_one(10))
    await canary(simulation, rollout=rollout(strategy="Immediate", progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)


async def test_pods_that_stop_coming_are_no_progress() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=lambda ordinal: 3.0 if ordinal == 0 else 1e9)
    await canary(simulation, rollout=rollout(progressDeadlineSeconds=30))
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 120)


async def test_restarts_while_warming_up_for_a_later_step_are_no_crashes() -> None:
    simulation = await serving()
    simulation.behave(V2, fails_warm_up=lambda ordinal: 2 if ordinal else 0)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") != "InProgress", 300)
    assert simulation.outcome("v2") == "Promoted", words(simulation)


async def test_restarts_while_warming_up_for_the_first_step_are_no_crashes() -> None:
    simulation = await serving()
    simulation.behave(V2, fails_warm_up=lambda ordinal: 0 if ordinal else 3)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") != "InProgress", 600)
    assert simulation.outcome("v2") == "Promoted", words(simulation)


async def test_a_canary_that_comes_and_goes_for_ever_does_not_hang_without_a_word() -> None:
    simulation = await serving()
    simulation.behave(V2, flap=Flap(up=10, down=10))
    await canary(simulation, rollout=rollout(progressDeadlineSeconds=60, deadlineSeconds=300))
    await simulation.live(900)
    over = simulation.outcome("v2") != "InProgress"
    assert over or simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_while_the_canarys_pods_come_and_go_the_conditions_say_so() -> None:
    simulation = await serving()
    simulation.behave(V2, flap=Flap(up=30, down=15))
    await canary(simulation, rollout=rollout(25, hold=600))
    told = set()
    for _ in range(90):
        await simulation.live(1)
        told.add((simulation.condition("Degraded")["status"], simulation.condition("Degraded")["reason"]))
    assert any(status == "True" for status, _ in told), told


async def test_spec_replicas_that_follow_the_load_do_not_keep_a_rollout_from_ending() -> None:
    simulation = await serving(replicas=2)
    await canary(simulation, rollout=rollout(25, 50, hold=20))
    for number, replicas in enumerate((3, 4, 6, 5, 3, 2, 4, 2)):
        simulation.kubectl_scale(replicas)
        await simulation.live(10 + number % 3)
        assert wanted_pods(simulation, simulation.stable or "") >= 2
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.lost == 0
    await simulation.live(10)
    assert wanted_pods(simulation, "v2") == 2
