"""What people do to a rollout, each as prose beside this file."""

import pytest
from tests.golden.rollouts.kept import Story, at_the_first_step, is_as_it_was_reviewed, rows, served, with_analysis
from tests.support.simulation import ANALYSIS, Simulation, rollout, spec, uri_of

V2 = uri_of("v2")


async def a_rollout_is_paused_and_goes_on() -> Simulation:
    simulation = await at_the_first_step()
    simulation.change_spec(paused=True)
    await simulation.run(60)
    simulation.change_spec(paused=None)
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def a_paused_rollout_is_rolled_back_all_the_same() -> Simulation:
    simulation = await at_the_first_step()
    simulation.change_spec(paused=True)
    simulation.behave(V2, error_rate=0.5)
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    return simulation


async def it_is_scaled_in_mid_rollout() -> Simulation:
    simulation = await at_the_first_step()
    simulation.kubectl_scale(6)
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(5)
    return simulation


async def steps_are_added_in_mid_rollout() -> Simulation:
    simulation = await at_the_first_step()
    simulation.change_spec(rollout=rollout(10, 25, 40, 50))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def the_spec_goes_back_while_the_new_version_bakes() -> Simulation:
    simulation = await at_the_first_step(rollout=rollout(bakeSeconds=120))
    await simulation.run_until(lambda s: s.phase == "Baking")
    await simulation.run(20)
    simulation.kubectl_apply(with_analysis("v1", rollout=rollout(bakeSeconds=120)))
    await simulation.run(20)
    return simulation


async def a_third_version_ends_the_bake_of_the_second() -> Simulation:
    simulation = await at_the_first_step(rollout=rollout(bakeSeconds=120))
    await simulation.run_until(lambda s: s.phase == "Baking")
    await simulation.run(20)
    simulation.kubectl_apply(with_analysis("v3", rollout=rollout(25, bakeSeconds=0)))
    await simulation.run_until(lambda s: s.stable == "v3")
    return simulation


async def pods_get_another_label() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v1", runtime={"pod": {"labels": {"team": "risk"}}}))
    first = simulation.status["stable"]["revision"]
    await simulation.run_until(lambda s: s.status["stable"]["revision"] != first)
    await simulation.run(5)
    return simulation


async def an_overlay_that_says_nothing_rolls_nothing_out() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v1", runtime={"pod": {"labels": {}}}))
    await simulation.run(30)
    return simulation


async def all_traffic_at_once() -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec(rollout={"strategy": "Immediate", "bakeSeconds": 10}))
    await simulation.run_until(lambda s: s.stable == "v1")
    simulation.kubectl_apply(spec("v2", rollout={"strategy": "Immediate", "bakeSeconds": 10}))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def the_deadline_passes_and_a_person_aborts() -> Simulation:
    simulation = await served(requests_a_second=0)
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout(deadlineSeconds=60, onDeadline="Pause")))
    await simulation.run_until(lambda s: s.condition("Stalled")["status"] == "True")
    await simulation.run(60)
    simulation.annotate("abort@1")
    await simulation.run(10)
    return simulation


async def the_deadline_passes_and_promotes() -> Simulation:
    simulation = await served(requests_a_second=0)
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout(deadlineSeconds=60, onDeadline="Promote")))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def the_analysis_is_edited_in_mid_rollout() -> Simulation:
    simulation = await at_the_first_step(rollout=rollout(25, hold=60))
    metrics = [{"name": "errors", "errorRate": {"maxIncrease": 0.05}}]
    simulation.change_spec(analysis={**ANALYSIS, "metrics": metrics})
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def a_spec_that_cannot_be_read_is_mended() -> Simulation:
    simulation = await served()
    simulation.change_spec(replicas="three")
    await simulation.run(10)
    simulation.change_spec(replicas=3)
    await simulation.run(10)
    return simulation


async def one_version_is_used_for_two_models() -> Simulation:
    simulation = await served()
    simulation.change_spec(model={"version": "v1", "uri": uri_of("other")})
    await simulation.run(20)
    return simulation


async def the_history_is_short() -> Simulation:
    simulation = Simulation()
    for version in ("v1", "v2", "v3", "v4"):
        simulation.kubectl_apply(spec(version, rollout=rollout(50, hold=1), revisionHistoryLimit=2))
        await simulation.run_until(lambda s, wanted=version: s.stable == wanted)
        await simulation.run(5)
    return simulation


async def it_is_deleted_and_made_anew() -> Simulation:
    simulation = await served()
    simulation.delete_and_recreate()
    await simulation.run(30)
    return simulation


ALL = [
    a_rollout_is_paused_and_goes_on,
    a_paused_rollout_is_rolled_back_all_the_same,
    it_is_scaled_in_mid_rollout,
    steps_are_added_in_mid_rollout,
    the_spec_goes_back_while_the_new_version_bakes,
    a_third_version_ends_the_bake_of_the_second,
    pods_get_another_label,
    an_overlay_that_says_nothing_rolls_nothing_out,
    all_traffic_at_once,
    the_deadline_passes_and_a_person_aborts,
    the_deadline_passes_and_promotes,
    the_analysis_is_edited_in_mid_rollout,
    a_spec_that_cannot_be_read_is_mended,
    one_version_is_used_for_two_models,
    the_history_is_short,
    it_is_deleted_and_made_anew,
]


QUICK = (a_paused_rollout_is_rolled_back_all_the_same, it_is_deleted_and_made_anew)


@pytest.mark.parametrize("story", rows(ALL, *QUICK))
async def test_story(story: Story) -> None:
    await is_as_it_was_reviewed(story)
