"""What must hold whatever happens: the operator dying at any write, people changing their minds, pods failing."""

import asyncio
import logging
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.simulation import ANALYSIS, NAMESPACE, Killed, Simulation, spec

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.analysis import Fail, LookRecord, replay
from serin_operator.decide.decision import decide
from serin_operator.decide.judging.config import config_of
from serin_operator.decide.memory.rebuild import recall
from serin_operator.decide.world import World
from serin_operator.observe import views

pytestmark = pytest.mark.slow


def with_analysis(version: str, **more: Any) -> dict[str, Any]:
    return spec(version, analysis=ANALYSIS, **more)


async def serving() -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(with_analysis("v1"))
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(45)
    return simulation


async def steps_seen(simulation: Simulation, version: str, deaths: list[int], **more: Any) -> list[tuple[int, int]]:
    """Roll out ``version`` with an operator that dies after each of these numbers of writes; the steps that status showed."""
    simulation.kubectl_apply(with_analysis(version, **more))
    seen: list[tuple[int, int]] = []
    left = list(deaths)
    for _ in range(400):
        if simulation.writes_until_death is None and left:
            simulation.writes_until_death = left.pop(0)
        try:
            await simulation.run(1)
        except Killed:
            simulation.restart_operator()
        canary = simulation.status.get("canary")
        if canary and canary.get("step") is not None:
            pair = (canary["step"], canary["weight"])
            if not seen or seen[-1] != pair:
                seen.append(pair)
        assert simulation.lost == 0
        if simulation.stable == version and not canary:
            return seen
    raise AssertionError(simulation.status)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 9), min_size=5, max_size=20))
def test_an_operator_killed_again_and_again_shows_each_step_once(deaths: list[int]) -> None:
    async def story() -> None:
        simulation = await serving()
        assert await steps_seen(simulation, "v2", deaths) == [(0, 25), (1, 50), (1, 100)]

    asyncio.run(story())


BLUE_GREEN = {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 5}, "bakeSeconds": 5}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 9), min_size=3, max_size=12))
def test_an_operator_killed_again_and_again_switches_once(deaths: list[int]) -> None:
    async def story() -> None:
        simulation = await serving()
        began = simulation.elapsed
        simulation.change_spec(rollout=BLUE_GREEN)
        assert await steps_seen(simulation, "v2", deaths, rollout=BLUE_GREEN) == [(0, 0), (0, 100)]
        answered = [tuple(sorted(m.answered)) for m in simulation.since(began + 1)]
        assert set(answered) == {("v1",), ("v2",)}
        assert answered == sorted(answered)
        assert len(simulation.told("Switched")) == 1

    asyncio.run(story())


CHOICES = st.lists(
    st.tuples(st.sampled_from(["v1", "v2", "v3", "bad", "broken"]), st.integers(1, 70), st.sampled_from([3, 3, 4])),
    min_size=2,
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHOICES)
def test_whatever_people_apply_no_request_is_lost_and_the_rejected_stay_rejected(choices: list[Any]) -> None:
    async def story() -> None:
        simulation = await serving()
        simulation.behave("http://models/bad.onnx", accuracy=0.5)
        report = {"ok": False, "reason": "ModelInvalid", "message": "not ONNX"}
        simulation.behave("http://models/broken.onnx", report=report)
        rejected: set[str] = set()
        for version, seconds, replicas in choices:
            simulation.kubectl_apply(with_analysis(version, replicas=replicas))
            for _ in range(seconds):
                await simulation.run(1)
                assert simulation.lost == 0
                for entry in simulation.status.get("versions", []):
                    if entry["version"] in rejected:
                        assert entry["outcome"] in {"RolledBack", "FailedPreflight"}
                    if entry["outcome"] in {"RolledBack", "FailedPreflight"}:
                        rejected.add(entry["version"])
                weights = simulation.status.get("stable", {}).get("weight", 0)
                assert 0 <= weights <= 100
                assert simulation.stable not in {"bad", "broken"}
        assert "broken" not in {p["metadata"]["labels"].get("serin.dev/revision") for p in simulation.of_kind("Pod")}

    asyncio.run(story())


async def world_of(simulation: Simulation) -> World:
    mdep = views.model_deployment(simulation.mdep)
    children = await simulation.children(NAMESPACE, simulation.name, mdep.uid)
    return World(
        now=simulation.now,
        config=simulation.reconciler._ports.config,
        mdep=mdep,
        client_service=views.client_service(children, mdep.name, mdep.uid),
        preview_service=views.preview_service(children, mdep.name, mdep.uid),
        disruption_budget=views.disruption_budget(children, mdep.name, mdep.uid),
        revisions=views.revisions(children, mdep.name, mdep.uid),
        endpoints=views.endpoints(children, mdep.name),
    )


async def test_memory_survives_being_written_to_status_and_read_again_at_every_moment() -> None:
    simulation = await serving()
    simulation.kubectl_apply(with_analysis("v2"))
    for _ in range(80):
        await simulation.run(1)
        world = await world_of(simulation)
        before = recall(world)
        assert recall(world) == before
        decision = decide(world)
        assert decide(world) == decision


async def test_the_old_version_stays_until_no_request_goes_to_it() -> None:
    simulation = await serving()
    old = simulation.status["stable"]["revision"]
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.status.get("canary", {}).get("phase") == "Switching")
    simulation.endpoints_are_late = True
    await simulation.run(60)
    assert simulation.status["canary"]["phase"] == "Switching"
    assert len(simulation.pods_of(old)) == 3
    simulation.endpoints_are_late = False
    await simulation.run(20)
    assert simulation.stable == "v2"
    assert simulation.pods_of(old) == []
    assert simulation.lost == 0


async def test_deciding_again_about_a_settled_world_changes_nothing() -> None:
    simulation = await serving()
    version = simulation.mdep["metadata"]["resourceVersion"]
    told = len(simulation.story)
    await simulation.run(60)
    assert simulation.mdep["metadata"]["resourceVersion"] == version
    assert len(simulation.story) == told


async def test_status_stays_small_with_a_long_history() -> None:
    simulation = await serving()
    for number in range(2, 20):
        simulation.kubectl_apply(with_analysis(f"v{number}", revisionHistoryLimit=50))
        await simulation.run(20)
    assert len(str(simulation.status)) < 64 * 1024


async def test_a_rollouts_verdicts_can_be_given_again_from_its_log() -> None:
    simulation = await serving()
    simulation.behave("http://models/v2.onnx", accuracy=0.7)
    simulation.kubectl_apply(with_analysis("v2"))
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with structlog.testing.capture_logs() as lines:
        await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    structlog.configure(wrapper_class=quiet)
    records = [LookRecord.from_dict(r) for line in lines if line["event"] == "look" for r in line["records"]]
    config = config_of(ModelDeploymentSpec.model_validate(with_analysis("v2")).analysis)
    last = replay(config, records)[-1]["accuracy"]
    assert isinstance(last, Fail)
    entry = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert entry["message"] == f"accuracy: {last.message}"
