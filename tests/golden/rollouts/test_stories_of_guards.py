"""Whole lives of versions that are watched after their promotion, kept beside this file to be read and reviewed."""

import pytest
from tests.golden.rollouts.kept import Story, is_as_it_was_reviewed, rows
from tests.support.simulation import Simulation, model_of, spec, uri_of

ANALYSIS = {
    "intervalSeconds": 5,
    "minSamples": 50,
    "pairing": {"sample": 1.0},
    "metrics": [{"name": "errors", "errorRate": {}}, {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}],
}
SIGNED = {"feedback": {"signing": "Managed"}}


async def _promoted(**guard: object) -> Simulation:
    simulation = Simulation(tells_pairs=True)
    simulation.kubectl_apply(spec("v1", analysis=ANALYSIS, serving=SIGNED, guard={"seconds": 120, **guard}))
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(30)
    simulation.change_spec(model=model_of("v2"))
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(30)
    return simulation


def _decays(simulation: Simulation) -> None:
    simulation.tell("---- the world moves on, and v2 with it less than v1")
    simulation.behave(uri_of("v2"), accuracy=0.8, differs=0.15)


async def a_promoted_version_decays_and_its_guard_goes_back() -> Simulation:
    simulation = await _promoted()
    _decays(simulation)
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(10)
    simulation.tell(f"---- kubectl get mdep: {simulation.condition('Ready')['message']}")
    simulation.behave(uri_of("v3"), accuracy=0.92)
    simulation.change_spec(model=model_of("v3"))
    await simulation.run_until(lambda s: s.stable == "v3")
    return simulation


async def a_promoted_version_stays_as_it_was_and_its_guard_ends() -> Simulation:
    simulation = await _promoted()
    simulation.tell(f"---- kubectl get mdep: {simulation.condition('Ready')['message']}")
    await simulation.run_until(lambda s: "guard" not in s.status)
    await simulation.run(10)
    return simulation


async def a_promoted_version_decays_and_people_are_told() -> Simulation:
    simulation = await _promoted(onFailure="Notify", seconds=60)
    _decays(simulation)
    await simulation.run_until(lambda s: "guard" not in s.status)
    simulation.tell(f"---- kubectl get mdep: {simulation.condition('Degraded')['message']}")
    return simulation


ALL = [
    a_promoted_version_decays_and_its_guard_goes_back,
    a_promoted_version_stays_as_it_was_and_its_guard_ends,
    a_promoted_version_decays_and_people_are_told,
]


QUICK = (a_promoted_version_decays_and_its_guard_goes_back,)


@pytest.mark.parametrize("story", rows(ALL, *QUICK))
async def test_story(story: Story) -> None:
    await is_as_it_was_reviewed(story)
