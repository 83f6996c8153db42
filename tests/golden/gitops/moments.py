"""Moments in the life of a ModelDeployment, and what a GitOps tool should make of each.

`kstatus` is what Flux, Argo CD's sync waves by kstatus, `kubectl wait`-like tools and the kstatus library say: InProgress,
Current, Failed. `argo` is the health that Argo CD shows: Progressing, Healthy, Degraded, Suspended.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.support.simulation import (
    ANALYSIS,
    Crash,
    Simulation,
    Waiting,
    baking_v2,
    canary,
    late_from,
    phase,
    rollout,
    serving,
    spec,
    uri_of,
)
from tests.support.simulation.faults import webhook

V1, V2 = uri_of("v1"), uri_of("v2")
BROKEN: Final = {"ok": False, "reason": "ModelInvalid", "message": "not an ONNX model: it is truncated"}


@dataclass(frozen=True)
class Moment:
    """One moment, and how it is to be read."""

    comes_about: Callable[[], Awaitable[Simulation]]
    kstatus: str
    argo: str

    @property
    def name(self) -> str:
        """The sentence that says what has happened."""
        return self.comes_about.__name__


async def created_and_not_looked_at() -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec())
    return simulation


async def the_first_model_is_resolved() -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec())
    await simulation.live(1)
    return simulation


async def the_first_pods_start() -> Simulation:
    simulation = Simulation()
    simulation.behave(V1, ready_after=late_from(0, 30))
    simulation.kubectl_apply(spec())
    await simulation.live_until(lambda s: phase(s) == "Starting")
    await simulation.live(5)
    return simulation


async def the_first_version_serves() -> Simulation:
    return await serving()


async def the_first_version_is_never_ready() -> Simulation:
    simulation = Simulation()
    simulation.behave(V1, never_ready=True)
    simulation.kubectl_apply(spec(rollout=rollout(progressDeadlineSeconds=30)))
    await simulation.live_until(lambda s: s.condition("Stalled")["status"] == "True", 120)
    return simulation


async def the_spec_has_changed_and_the_operator_is_away() -> Simulation:
    simulation = await serving()
    simulation.change_spec(replicas=4)
    return simulation


async def a_canary_is_held_at_a_step() -> Simulation:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, hold=300))
    await simulation.live_until(lambda s: phase(s) == "Holding")
    await simulation.live(10)
    return simulation


async def a_canary_waits_for_data() -> Simulation:
    simulation = await serving(requests_a_second=1)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "WaitingForData")
    return simulation


async def a_slice_holds_a_canary() -> Simulation:
    slices = {"by": "region", "values": ["north", "south"]}
    metrics = [{"name": "accuracy", "accuracy": {"maxDecrease": 0.02}, "slices": slices}]
    simulation = await serving(tells_all=True, analysis=False)
    simulation.change_spec(analysis={"intervalSeconds": 10, "metrics": metrics})
    for uri, right in ((V1, 0.9), (V2, 0.86)):
        simulation.behave(uri, slices={"north": (0.2, right), "south": (0.8, 0.9)})
    await canary(simulation, rollout=rollout(25, hold=20))
    await simulation.live(30)
    return simulation


async def a_canary_waits_while_prometheus_is_away() -> Simulation:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=60))
    simulation.prometheus_down = True
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "PrometheusUnreachable")
    return simulation


async def a_canary_lacks_a_secret() -> Simulation:
    simulation = await serving()
    simulation.behave(V2, waiting=Waiting("CreateContainerConfigError", 'secret "store" not found'))
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.condition("Degraded")["reason"] == "MissingReference")
    return simulation


async def a_rollout_is_paused() -> Simulation:
    simulation = await a_canary_is_held_at_a_step()
    simulation.change_spec(paused=True)
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "Paused", 900)
    return simulation


async def paused_with_nothing_to_roll_out() -> Simulation:
    simulation = await serving()
    simulation.change_spec(paused=True)
    await simulation.live(10)
    return simulation


async def held_past_the_deadline() -> Simulation:
    simulation = await serving(requests_a_second=0)
    held = rollout(25, hold=10, deadlineSeconds=60, onDeadline="Pause")
    simulation.change_spec(model={"version": "v2", "uri": V2}, rollout=held)
    await simulation.live_until(lambda s: s.condition("Stalled")["status"] == "True", 600)
    return simulation


async def baking() -> Simulation:
    return await baking_v2()


async def promoted() -> Simulation:
    simulation = await serving()
    await canary(simulation)
    await simulation.live_until(lambda s: s.stable == "v2", 600)
    await simulation.live(10)
    return simulation


async def guarded() -> Simulation:
    """v2 is promoted, and compared with v1 in pairs for a day."""
    simulation = await serving(analysis=False, tells_pairs=True, serving={"feedback": {"signing": "Managed"}})
    errors, accuracy = {"name": "errors", "errorRate": {}}, {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}
    analysis = {"intervalSeconds": 5, "minSamples": 50, "metrics": [errors, accuracy], "pairing": {"sample": 1.0}}
    simulation.change_spec(analysis=analysis, guard={"seconds": 86_400})
    await canary(simulation, rollout=rollout(50, hold=5, bakeSeconds=5))
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    await simulation.live(360)
    return simulation


async def its_guard_has_failed() -> Simulation:
    simulation = await guarded()
    simulation.behave(V2, accuracy=0.7, differs=0.25)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    await simulation.live(30)
    return simulation


async def rolled_back() -> Simulation:
    simulation = await serving()
    simulation.behave(V2, accuracy=0.7)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 600)
    await simulation.live(30)
    return simulation


async def rolled_back_and_the_spec_goes_back() -> Simulation:
    simulation = await rolled_back()
    simulation.change_spec(model={"version": "v1", "uri": V1})
    await simulation.live(10)
    return simulation


async def a_model_that_cannot_be_loaded() -> Simulation:
    simulation = await serving()
    simulation.behave(V2, report=BROKEN)
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight")
    await simulation.live(5)
    return simulation


async def a_person_has_aborted() -> Simulation:
    simulation = await a_canary_is_held_at_a_step()
    simulation.annotate("abort@1")
    await simulation.live(10)
    return simulation


async def the_spec_cannot_be_read() -> Simulation:
    simulation = await serving()
    simulation.change_spec(replicas="three")
    await simulation.live(5)
    return simulation


async def a_policy_refuses_the_pods() -> Simulation:
    simulation = await serving()
    simulation.refuse(webhook(kind="Deployment", verb="create"))
    simulation.change_spec(model={"version": "v2", "uri": V2})
    await simulation.live_until(lambda s: s.condition("Stalled")["status"] == "True", 300)
    return simulation


async def analysis_without_prometheus() -> Simulation:
    simulation = await serving(prometheus=False, analysis=False)
    simulation.change_spec(model={"version": "v2", "uri": V2}, analysis=ANALYSIS)
    await simulation.live(60)
    return simulation


async def a_pod_of_what_serves_crashes_again_and_again() -> Simulation:
    simulation = await serving()
    simulation.behave(V1, crash=Crash(pods=frozenset({0}), exit_code=1, reason="Error", message="segfault"))
    await simulation.live_until(lambda s: s.condition("Degraded")["reason"] == "CrashLoop", 300)
    return simulation


async def what_serves_is_down() -> Simulation:
    simulation = await serving()
    simulation.behave(V1, crash=Crash(exit_code=1, reason="Error", message="segfault"))
    await simulation.live(120)
    return simulation


async def a_pod_of_what_serves_crashes_during_a_rollout() -> Simulation:
    simulation = await serving()
    simulation.behave(V1, crash=Crash(pods=frozenset({0}), exit_code=1, reason="Error", message="segfault"))
    await canary(simulation, rollout=rollout(25, hold=300))
    await simulation.live_until(lambda s: s.condition("Degraded")["reason"] == "CrashLoop", 300)
    return simulation


async def it_is_scaled_up() -> Simulation:
    simulation = await serving()
    simulation.behave(V1, ready_after=late_from(3, 30))
    simulation.change_spec(replicas=8)
    await simulation.live(5)
    return simulation


async def a_stranger_gets_requests() -> Simulation:
    simulation = await serving()
    simulation.debug_pod(next(iter(simulation.status["versions"]))["revision"])
    await simulation.live_until(lambda s: s.condition("Degraded")["reason"] == "StrangerServes", 120)
    return simulation


async def it_is_being_deleted() -> Simulation:
    simulation = await serving()
    simulation.mdep["metadata"]["deletionTimestamp"] = "2026-11-20T13:00:00Z"
    return simulation


PROGRESSING: Final = ("InProgress", "Progressing")
HEALTHY: Final = ("Current", "Healthy")
REFUSED: Final = ("Failed", "Degraded")

MOMENTS: Final = (
    Moment(created_and_not_looked_at, *PROGRESSING),
    Moment(the_first_model_is_resolved, *PROGRESSING),
    Moment(the_first_pods_start, *PROGRESSING),
    Moment(the_first_version_serves, *HEALTHY),
    Moment(the_first_version_is_never_ready, *REFUSED),
    Moment(the_spec_has_changed_and_the_operator_is_away, *PROGRESSING),
    Moment(a_canary_is_held_at_a_step, *PROGRESSING),
    Moment(a_canary_waits_for_data, *PROGRESSING),
    Moment(a_slice_holds_a_canary, *PROGRESSING),
    Moment(a_canary_waits_while_prometheus_is_away, *PROGRESSING),
    Moment(a_canary_lacks_a_secret, *PROGRESSING),
    Moment(a_rollout_is_paused, "InProgress", "Suspended"),
    Moment(paused_with_nothing_to_roll_out, *HEALTHY),
    Moment(held_past_the_deadline, "Failed", "Suspended"),
    Moment(baking, *PROGRESSING),
    Moment(promoted, *HEALTHY),
    Moment(guarded, *HEALTHY),
    Moment(its_guard_has_failed, *REFUSED),
    Moment(rolled_back, *REFUSED),
    Moment(rolled_back_and_the_spec_goes_back, *HEALTHY),
    Moment(a_model_that_cannot_be_loaded, *REFUSED),
    Moment(a_person_has_aborted, *REFUSED),
    Moment(the_spec_cannot_be_read, *REFUSED),
    Moment(a_policy_refuses_the_pods, *REFUSED),
    Moment(analysis_without_prometheus, *REFUSED),
    Moment(a_pod_of_what_serves_crashes_again_and_again, "InProgress", "Degraded"),
    Moment(what_serves_is_down, "InProgress", "Degraded"),
    Moment(a_pod_of_what_serves_crashes_during_a_rollout, *PROGRESSING),
    Moment(it_is_scaled_up, *PROGRESSING),
    Moment(a_stranger_gets_requests, "Current", "Degraded"),
    Moment(it_is_being_deleted, "Terminating", "Progressing"),
)


def record_of(simulation: Simulation) -> dict[str, Any]:
    """What tools look at: as the API server shows it, without the evidence and the counts."""
    object_ = simulation.mdep
    metadata = {
        key: value
        for key, value in object_["metadata"].items()
        if key in {"namespace", "name", "generation", "deletionTimestamp"}
    }
    status = object_.get("status") or NEW
    kept = {key: status[key] for key in ("observedGeneration", "conditions") if key in status}
    for part in ("stable", "canary"):
        if part in status:
            kept[part] = {key: status[part][key] for key in ("version", "phase", "weight") if key in status[part]}
    conditions = [
        {key: each[key] for key in ("type", "status", "reason", "message", "observedGeneration")}
        for each in kept.get("conditions", [])
    ]
    status = {**kept, **({"conditions": conditions} if conditions else {})}
    return {"apiVersion": "serin.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "status": status}


NEW: Final = {"observedGeneration": -1}
"""What the CRD says of an object that no operator has looked at."""
