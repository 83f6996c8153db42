"""``Ready`` while replicas are added and taken away: what serves on as before has lost nothing."""

import re

import pytest
from tests.support.simulation import (
    Simulation,
    baking_v2,
    behind_gateway,
    deployment_of,
    late_from,
    serving,
    uri_of,
    words,
)

V1 = uri_of("v1")
_READY = re.compile(r"Ready=(\w+)")


class Listener:
    """Every state of Ready that status has had since; one that lasts stands here once."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._from = simulation, len(simulation.story)
        self._before = simulation.condition("Ready")["status"]

    @property
    def told(self) -> list[str]:
        """In the order in which they were written."""
        states = [self._before, *_READY.findall("\n".join(self._simulation.story[self._from :]))]
        return [state for state, before in zip(states, ["", *states], strict=False) if state != before]


@pytest.mark.parametrize("replicas", [3, 4, 6, 12, 2, 1])
async def test_a_version_that_serves_stays_ready_when_its_size_changes(replicas: int) -> None:
    simulation = await serving(replicas=2 if replicas > 2 else 6)
    ready = Listener(simulation)
    simulation.kubectl_scale(replicas)
    await simulation.live(40)
    assert simulation.status["replicas"] == replicas or "floor" in simulation.status
    assert ready.told == ["True"], words(simulation)


async def test_an_autoscaler_that_goes_up_and_down_leaves_it_ready() -> None:
    simulation = await serving(replicas=2)
    simulation.behave(V1, ready_after=late_from(2, 20))
    ready = Listener(simulation)
    for replicas in (6, 9, 4, 8, 2, 5):
        simulation.kubectl_scale(replicas)
        await simulation.live(12)
    await simulation.live(60)
    assert ready.told == ["True"], words(simulation)
    assert "scaling" not in simulation.status


async def test_behind_a_gateway_it_stays_ready_too() -> None:
    simulation = await behind_gateway(replicas=2)
    ready = Listener(simulation)
    simulation.kubectl_scale(6)
    await simulation.live(40)
    assert ready.told == ["True"], words(simulation)


async def test_a_version_that_bakes_stays_ready_too() -> None:
    simulation = await baking_v2()
    ready = Listener(simulation)
    simulation.kubectl_scale(9)
    await simulation.live(40)
    assert ready.told == ["True"], words(simulation)


async def test_one_whose_own_deployment_somebody_scales_stays_ready_too() -> None:
    simulation = await serving(replicas=2)
    ours = deployment_of(simulation, "v1")
    assert ours is not None
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": ours["metadata"]["name"]}
    metadata = {"namespace": ours["metadata"]["namespace"], "name": "theirs"}
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    simulation.put({**kind, "metadata": metadata, "spec": {"scaleTargetRef": target}})
    await simulation.live(40)
    ready = Listener(simulation)
    simulation.edit(ours, "horizontal-pod-autoscaler", lambda deployment: deployment["spec"].update(replicas=6))
    await simulation.live(40)
    assert ready.told == ["True"], words(simulation)


async def test_while_more_pods_start_the_conditions_say_so_and_nothing_is_degraded() -> None:
    simulation = await serving(replicas=2)
    simulation.behave(V1, ready_after=late_from(2, 30))
    simulation.kubectl_scale(6)
    await simulation.live(5)
    assert simulation.condition("Ready")["reason"] == "Scaling"
    assert "v1 serves on 2 of 6 pods, and 4 that were added start" in simulation.condition("Ready")["message"]
    kinds = ("Ready", "Available", "Progressing", "Reconciling", "Degraded", "Stalled")
    assert [simulation.condition(kind)["status"] for kind in kinds] == ["True"] * 4 + ["False"] * 2, words(simulation)
    await simulation.live(40)
    assert simulation.condition("Ready")["reason"] == "Serving"
    assert simulation.condition("Reconciling")["status"] == "False"


async def test_pods_that_find_no_room_are_told_and_in_the_end_it_is_not_what_the_spec_wants() -> None:
    simulation = await serving(replicas=2, rollout={"progressDeadlineSeconds": 60})
    simulation.behave(V1, unschedulable="0/2 nodes are available: 2 Insufficient memory")
    simulation.kubectl_scale(6)
    await simulation.live(20)
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.condition("Degraded")["reason"] == "PodUnschedulable"
    await simulation.live(60)
    assert simulation.condition("Ready")["status"] == "False"
    assert simulation.condition("Ready")["reason"] == "PodUnschedulable", words(simulation)
    simulation.behave(V1)
    await simulation.live(30)
    assert simulation.condition("Ready")["status"] == "True"


async def test_what_is_lost_while_more_start_is_a_loss() -> None:
    simulation = await serving(replicas=2)
    simulation.behave(V1, ready_after=late_from(2, 120))
    simulation.kubectl_scale(6)
    await simulation.live(5)
    simulation.blip(simulation.status["stable"]["revision"], 10)
    await simulation.live(5)
    assert simulation.condition("Ready")["status"] == "False"
    await simulation.live(20)
    assert simulation.condition("Ready")["status"] == "True"


async def test_an_operator_that_is_killed_while_more_start_knows_what_there_was() -> None:
    simulation = await serving(replicas=2)
    simulation.behave(V1, ready_after=late_from(2, 30))
    ready = Listener(simulation)
    simulation.kubectl_scale(6)
    await simulation.live(3)
    simulation.restart_operator()
    await simulation.live(60)
    assert ready.told == ["True"], words(simulation)


async def test_a_version_that_is_woken_is_ready_when_enough_of_it_is() -> None:
    simulation = await serving(replicas=2)
    simulation.kubectl_scale(0)
    await simulation.live(20)
    simulation.behave(V1, ready_after=late_from(1, 30))
    simulation.kubectl_scale(4)
    await simulation.live(10)
    assert simulation.condition("Ready")["status"] == "False"
