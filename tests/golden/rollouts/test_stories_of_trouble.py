"""What clusters do to a rollout, each as prose beside this file."""

import pytest
from tests.golden.rollouts.kept import Story, at_the_first_step, is_as_it_was_reviewed, rows, served, with_analysis
from tests.support.simulation import Crash, Sidecar, Simulation, Waiting, rollout, uri_of
from tests.support.simulation.faults import quota, webhook

V1, V2 = uri_of("v1"), uri_of("v2")
SEGFAULT = {"exit_code": 139, "reason": "Error", "message": "segfault"}


async def a_canary_crashes_after_it_was_ready() -> Simulation:
    simulation = await at_the_first_step(rollout=rollout(25, hold=120))
    simulation.behave(V2, crash=Crash(**SEGFAULT))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.run(5)
    return simulation


async def a_new_version_falls_over_under_all_traffic() -> Simulation:
    simulation = await at_the_first_step(rollout=rollout(bakeSeconds=120))
    await simulation.run_until(lambda s: s.phase == "Baking")
    simulation.behave(V2, crash=Crash(**SEGFAULT))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.run(5)
    return simulation


async def what_serves_goes_down_and_a_fix_goes_out_directly() -> Simulation:
    simulation = await served()
    simulation.behave(V1, crash=Crash(**SEGFAULT))
    await simulation.run(120)
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def one_pod_of_what_serves_crashes_in_mid_rollout() -> Simulation:
    simulation = await served()
    simulation.behave(V1, crash=Crash(pods=frozenset({0}), **SEGFAULT))
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def an_image_that_cannot_be_pulled() -> Simulation:
    simulation = await served()
    simulation.behave(V2, waiting=Waiting("ImagePullBackOff", "registry.example.com/mine:2: not found"))
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout(progressDeadlineSeconds=60)))
    await simulation.run_until(lambda s: s.outcome("v2") == "FailedPreflight")
    return simulation


async def a_secret_is_missing_and_then_there() -> Simulation:
    simulation = await served()
    simulation.behave(V2, waiting=Waiting("CreateContainerConfigError", 'secret "store" not found'))
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run(40)
    simulation.behave(V2)
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def no_node_has_room() -> Simulation:
    simulation = await served()
    simulation.behave(V2, unschedulable="0/3 nodes are available: 3 Insufficient memory.")
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout(progressDeadlineSeconds=60)))
    await simulation.run_until(lambda s: s.outcome("v2") == "FailedPreflight")
    return simulation


async def a_webhook_refuses_the_pods_and_is_set_right() -> Simulation:
    simulation = await served()
    fault = simulation.refuse(webhook(kind="Deployment", verb="create"))
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run(60)
    fault.times = 0
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def the_quota_is_used_up_for_a_while() -> Simulation:
    simulation = await served()
    fault = simulation.refuse(quota(kind="Deployment", verb="create"))
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run(30)
    fault.times = 0
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def the_operator_restarts_at_every_stage() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2"))
    for reached in ("Resolving", "Starting", "Reaching", "Holding", "Switching", "Baking"):
        await simulation.run_until(lambda s, wanted=reached: s.phase == wanted)
        simulation.restart_operator()
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def readiness_comes_and_goes_and_is_held_against_nobody() -> Simulation:
    simulation = await at_the_first_step(rollout=rollout(25, hold=60))
    revision = simulation.status["canary"]["revision"]
    for _ in range(3):
        simulation.blip(revision, 4)
        await simulation.run(15)
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def a_sidecar_is_injected_and_does_not_confuse_anybody() -> Simulation:
    simulation = await served()
    simulation.inject(Sidecar(restarts=7, exit_reason="OOMKilled", last_words="proxy: out of memory"))
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def the_source_of_the_model_is_away() -> Simulation:
    simulation = await served()
    simulation.behave(V2, source_away=True)
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout(progressDeadlineSeconds=60)))
    await simulation.run_until(lambda s: s.outcome("v2") not in {None, "InProgress"})
    return simulation


ALL = [
    a_canary_crashes_after_it_was_ready,
    a_new_version_falls_over_under_all_traffic,
    what_serves_goes_down_and_a_fix_goes_out_directly,
    one_pod_of_what_serves_crashes_in_mid_rollout,
    an_image_that_cannot_be_pulled,
    a_secret_is_missing_and_then_there,
    no_node_has_room,
    a_webhook_refuses_the_pods_and_is_set_right,
    the_quota_is_used_up_for_a_while,
    the_operator_restarts_at_every_stage,
    readiness_comes_and_goes_and_is_held_against_nobody,
    a_sidecar_is_injected_and_does_not_confuse_anybody,
    the_source_of_the_model_is_away,
]


QUICK = (a_canary_crashes_after_it_was_ready, the_operator_restarts_at_every_stage)


@pytest.mark.parametrize("story", rows(ALL, *QUICK))
async def test_story(story: Story) -> None:
    await is_as_it_was_reviewed(story)
