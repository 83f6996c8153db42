"""Conditions: the truth, the reason, and what to do."""

from typing import Any

import pytest
from tests.support.simulation import ANALYSIS, NAMESPACE, Simulation, spec
from tests.support.simulation.cluster import is_ready

from serin_operator.api.names import ObjectRef


async def serving(**kw: Any) -> Simulation:
    simulation = Simulation(**{k: v for k, v in kw.items() if k == "prometheus"})
    simulation.kubectl_apply(spec(**{k: v for k, v in kw.items() if k != "prometheus"}))
    await simulation.run(15)
    return simulation


async def with_unready(simulation: Simulation, count: int) -> Simulation:
    """``count`` pods stop being ready, for good."""
    simulation.blip(simulation.status["stable"]["revision"], 3600, count)
    simulation.move(1)
    await simulation.reconcile()
    return simulation


@pytest.mark.parametrize(
    ("replicas", "missing", "ready"),
    [
        (1, 0, "True"),
        (1, 1, "False"),
        (2, 1, "False"),
        (3, 1, "False"),
        (4, 1, "True"),
        (4, 2, "False"),
        (8, 2, "True"),
    ],
)
async def test_ready_forgives_a_quarter_of_the_pods_but_never_the_last(replicas: int, missing: int, ready: str) -> None:
    simulation = await with_unready(await serving(replicas=replicas), missing)
    assert simulation.condition("Ready")["status"] == ready
    assert simulation.condition("Available")["status"] == ("True" if missing < replicas else "False")


async def test_the_message_of_ready_names_the_version_and_counts_pods() -> None:
    simulation = await with_unready(await serving(replicas=4), 1)
    assert simulation.condition("Ready")["message"].startswith("v1 serves on 3 of 4 pods")
    assert simulation.condition("Degraded")["reason"] == "PodsNotReady"


async def test_ready_is_false_as_soon_as_the_spec_wants_another_version() -> None:
    simulation = await serving()
    simulation.kubectl_apply(spec("v2"))
    await simulation.reconcile()
    assert simulation.condition("Ready")["status"] == "False"
    assert simulation.condition("Available")["status"] == "True"
    assert simulation.condition("Reconciling")["status"] == "True"
    assert simulation.condition("Ready")["observedGeneration"] == 2


async def test_analysis_without_prometheus_is_told_before_the_first_canary_waits_for_it() -> None:
    simulation = await serving(analysis=ANALYSIS, prometheus=False)
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.condition("Degraded")["reason"] == "PrometheusNotConfigured"
    assert "prometheus.url" in simulation.condition("Degraded")["message"]


async def test_a_rejected_version_stalls_and_tells_the_way_out() -> None:
    simulation = await serving()
    report = {"ok": False, "reason": "DigestMismatch", "message": "the file has sha256 1234, the spec wants abcd"}
    simulation.behave("http://models/v2.onnx", report=report)
    simulation.kubectl_apply(spec("v2"))
    await simulation.run(10)
    stalled = simulation.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "DigestMismatch")
    assert "v1 serves on" in stalled["message"]
    assert "serin.dev/action=retry@" in stalled["message"]
    assert simulation.condition("Reconciling")["status"] == "False"


async def test_times_of_transition_move_only_with_the_status_of_a_condition() -> None:
    simulation = await serving()
    before = simulation.condition("Available")["lastTransitionTime"]
    simulation.kubectl_apply(spec("v2"))
    await simulation.run(30)
    assert simulation.condition("Available")["lastTransitionTime"] == before


async def test_the_same_version_label_for_another_model_is_refused() -> None:
    simulation = await serving()
    other = spec("v1")
    other["model"]["uri"] = "http://models/other.onnx"
    simulation.kubectl_apply(other)
    await simulation.run(10)
    stalled = simulation.condition("Stalled")
    assert stalled["reason"] == "VersionConflict"
    assert "spec.model.version" in stalled["message"]


async def test_a_spec_that_cannot_be_read_names_the_field_and_leaves_what_serves_alone() -> None:
    simulation = await serving()
    broken = spec("v1")
    broken["replicas"] = -1
    simulation.kubectl_apply(broken)
    await simulation.reconcile()
    assert simulation.condition("Stalled")["reason"] == "InvalidSpec"
    assert "spec.spec.replicas" not in simulation.condition("Stalled")["message"]
    assert "replicas" in simulation.condition("Stalled")["message"]
    assert simulation.stable == "v1"


async def test_ready_waits_for_the_endpoints() -> None:
    simulation = Simulation(endpoints_are_late=True)
    simulation.kubectl_apply(spec())
    await simulation.run(60)
    assert all(is_ready(pod) for pod in simulation.pods_of(simulation.status["canary"]["revision"]))
    assert simulation.condition("Ready")["status"] == simulation.condition("Available")["status"] == "False"
    simulation.endpoints_are_late = False
    await simulation.run(2)
    assert simulation.condition("Ready")["status"] == simulation.condition("Available")["status"] == "True"


async def test_ready_and_its_reason_follow_endpoints_that_fall_behind() -> None:
    simulation = await serving()
    simulation.endpoints_are_late = True
    pod = simulation.of_kind("Pod")[0]["metadata"]["name"]
    del simulation.objects[ObjectRef("v1", "Pod", NAMESPACE, pod)]
    await simulation.run(30)
    assert simulation.condition("Ready")["status"] == "False"
    assert simulation.condition("Ready")["reason"] == "EndpointsBehind"
    assert "EndpointSlices of Service credit-risk" in simulation.condition("Ready")["message"]
    simulation.endpoints_are_late = False
    await simulation.run(2)
    assert simulation.condition("Ready")["status"] == "True"
