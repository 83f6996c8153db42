"""Whole rollouts as prose, kept beside this file to be read and reviewed.

Each story drives the real reconciler through a simulated cluster. A difference is a change of behaviour: read it, and if it
is what you meant, run ``UPDATE_GOLDEN=1 make golden`` and commit the new story.
"""

import pytest
from tests.golden.rollouts.kept import Story, is_as_it_was_reviewed, rows, served, with_analysis
from tests.support.simulation import NAMESPACE, Autoscaler, Simulation, spec

from serin_operator.api.names import ObjectRef


async def first_version() -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec())
    await simulation.run(20)
    return simulation


async def a_better_version_is_promoted() -> Simulation:
    simulation = await served()
    simulation.behave("http://models/v2.onnx", accuracy=0.92)
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(10)
    return simulation


async def a_worse_version_is_rolled_back() -> Simulation:
    simulation = await served()
    simulation.behave("http://models/v2.onnx", accuracy=0.7)
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.run(30)
    return simulation


async def a_version_that_fails_requests_is_rolled_back() -> Simulation:
    simulation = await served()
    simulation.behave("http://models/v2.onnx", error_rate=0.4)
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    return simulation


async def a_model_that_does_not_load_never_gets_a_request() -> Simulation:
    simulation = await served()
    report = {"ok": False, "reason": "ModelInvalid", "message": "not an ONNX model: it is truncated"}
    simulation.behave("http://models/v2.onnx", report=report)
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run(20)
    return simulation


async def the_spec_goes_back_while_the_canary_has_traffic() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("step") == 0)
    simulation.kubectl_apply(with_analysis("v1"))
    await simulation.run(10)
    return simulation


async def another_version_overtakes_a_canary() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("step") == 0)
    simulation.kubectl_apply(with_analysis("v3"))
    await simulation.run_until(lambda s: s.stable == "v3")
    return simulation


async def an_old_version_comes_back_without_a_canary() -> Simulation:
    simulation = await a_better_version_is_promoted()
    simulation.kubectl_apply(with_analysis("v1"))
    await simulation.run_until(lambda s: s.stable == "v1")
    return simulation


async def a_rejected_version_is_retried_when_a_person_says_so() -> Simulation:
    simulation = await a_worse_version_is_rolled_back()
    simulation.behave("http://models/v2.onnx", accuracy=0.95)
    simulation.kubectl_apply(with_analysis("v2"), {"serin.dev/action": "retry@monday"})
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def a_person_aborts() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("step") == 0)
    simulation.kubectl_apply(with_analysis("v2"), {"serin.dev/action": "abort@1"})
    await simulation.run(10)
    simulation.kubectl_apply(with_analysis("v2"), {"serin.dev/action": "promote@2"})
    await simulation.run(3)
    return simulation


async def a_person_goes_back_at_night_and_resumes_in_the_morning() -> Simulation:
    simulation = await a_better_version_is_promoted()
    simulation.tell("---- a person: rollback=v1@night")
    simulation.annotate("rollback=v1@night")
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(10)
    simulation.tell(f"---- kubectl get mdep: {simulation.condition('Ready')['message']}")
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run(30)
    simulation.tell("---- a person: resume@morning")
    simulation.annotate("resume@morning")
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(3)
    return simulation


async def a_person_goes_back_to_a_version_that_does_not_start() -> Simulation:
    simulation = await a_better_version_is_promoted()
    simulation.behave("http://models/v1.onnx", never_ready=True)
    rollout = {**spec()["rollout"], "progressDeadlineSeconds": 30}
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout))
    simulation.annotate("rollback=v1@night")
    await simulation.run_until(lambda s: s.outcome("v1") == "RolledBack")
    await simulation.run(3)
    simulation.tell(f"---- kubectl get mdep: {simulation.condition('Ready')['message']}")
    return simulation


async def a_step_waits_for_a_person_who_pauses_and_promotes() -> Simulation:
    simulation = await served()
    steps = [{"weight": 25, "holdSeconds": 10, "pause": True}, {"weight": 50, "holdSeconds": 10}]
    simulation.kubectl_apply(with_analysis("v2", rollout={"steps": steps, "bakeSeconds": 10}))
    await simulation.run_until(lambda s: s.condition("Ready")["reason"] == "StepPaused")
    for word in ("resume@1", "pause@2", "skip-step@3", "dance@4", "promote@5"):
        simulation.tell(f"---- kubectl get mdep: {simulation.condition('Ready')['message']}")
        simulation.tell(f"---- a person: {word}")
        simulation.annotate(word)
        await simulation.run(8)
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(3)
    return simulation


async def prometheus_is_away_and_comes_back() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("step") == 0)
    simulation.prometheus_down = True
    await simulation.run(40)
    simulation.prometheus_down = False
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


async def analysis_without_prometheus_never_starts() -> Simulation:
    simulation = await served(prometheus=False)
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run(60)
    return simulation


async def no_labels_until_the_deadline() -> Simulation:
    simulation = await served(requests_a_second=0)
    rollout = {**spec()["rollout"], "deadlineSeconds": 60, "onDeadline": "Rollback"}
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    return simulation


async def a_canary_that_is_never_ready() -> Simulation:
    simulation = await served()
    simulation.behave("http://models/v2.onnx", never_ready=True)
    rollout = {**spec()["rollout"], "progressDeadlineSeconds": 30}
    simulation.kubectl_apply(with_analysis("v2", rollout=rollout))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    return simulation


async def status_is_lost() -> Simulation:
    simulation = await a_better_version_is_promoted()
    simulation.mdep["status"] = {}
    simulation.touch(simulation.mdep)
    await simulation.run(10)
    return simulation


async def children_are_deleted_and_edited_by_hand() -> Simulation:
    simulation = await served()
    revision = simulation.status["stable"]["revision"]
    del simulation.objects[ObjectRef("v1", "Service", NAMESPACE, simulation.name)]
    await simulation.run(2)
    deployment = simulation.objects[ObjectRef("apps/v1", "Deployment", NAMESPACE, f"{simulation.name}-{revision}")]
    deployment["spec"]["replicas"] = 1
    simulation.touch(deployment)
    await simulation.run(10)
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "somebody/elses:1"
    simulation.touch(deployment)
    await simulation.run(10)
    del simulation.objects[ObjectRef("apps/v1", "ControllerRevision", NAMESPACE, deployment["metadata"]["name"])]
    await simulation.run(2)
    for kind in ("v1/Service", "apps/v1/ControllerRevision", "policy/v1/PodDisruptionBudget"):
        version, _, kind_name = kind.rpartition("/")
        name = simulation.name if kind_name != "ControllerRevision" else deployment["metadata"]["name"]
        child = simulation.objects[ObjectRef(version, kind_name, NAMESPACE, name)]
        child["metadata"]["labels"] = {}
        simulation.touch(child)
        await simulation.run(2)
    return simulation


async def tls_and_signed_feedback_are_switched_on() -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec())
    await simulation.run_until(lambda s: s.stable == "v1")
    plain = simulation.status["stable"]["revision"]
    serving = {"tls": {"secretName": "credit-tls"}, "feedback": {"signing": "Managed", "unsigned": "Accept"}}
    simulation.kubectl_apply(spec(serving=serving))
    await simulation.run_until(lambda s: s.status["stable"]["revision"] != plain)
    await simulation.run(10)
    return simulation


BLUE_GREEN = {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 20}, "bakeSeconds": 10}


async def blue_green_to_the_end() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2", rollout=BLUE_GREEN))
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(10)
    return simulation


async def blue_green_goes_back_while_it_bakes() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2", rollout=BLUE_GREEN))
    await simulation.run_until(lambda s: s.phase == "Baking")
    simulation.behave("http://models/v2.onnx", never_ready=True)
    await simulation.run(15)
    return simulation


async def a_step_lets_nobody_in_before_others_do() -> Simulation:
    simulation = await served()
    steps = [{"weight": 0, "pods": 2, "holdSeconds": 10}, {"weight": 50, "holdSeconds": 10, "minSamples": 400}]
    simulation.kubectl_apply(with_analysis("v2", rollout={"steps": steps, "bakeSeconds": 10}))
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(10)
    return simulation


async def an_autoscaler_sees_a_part_of_the_load_and_is_not_followed() -> Simulation:
    simulation = Simulation(requests_a_second=60)
    simulation.kubectl_apply(with_analysis("v1", replicas=6))
    await simulation.run_until(lambda s: s.stable == "v1")
    simulation.rivals.append(Autoscaler(10.0, stabilisation_seconds=30))
    await simulation.run(60)
    steps = {"steps": [{"weight": 50, "holdSeconds": 60}], "bakeSeconds": 60}
    simulation.kubectl_apply(with_analysis("v2", replicas=6, rollout=steps))
    await simulation.run_until(lambda s: s.stable == "v2")
    await simulation.run(150)
    return simulation


async def pods_are_short_and_stable_gives_some() -> Simulation:
    simulation = await served()
    steps = {**spec()["rollout"], "stableScale": "Shrink"}
    simulation.kubectl_apply(with_analysis("v2", replicas=6, rollout=steps))
    await simulation.run_until(lambda s: s.stable == "v2")
    simulation.behave("http://models/v3.onnx", error_rate=0.5)
    simulation.kubectl_apply(with_analysis("v3", replicas=6, rollout=steps))
    await simulation.run_until(lambda s: s.outcome("v3") == "RolledBack")
    await simulation.run(5)
    return simulation


async def a_model_is_scaled_to_zero_in_mid_rollout_and_woken() -> Simulation:
    simulation = await served()
    simulation.kubectl_apply(with_analysis("v2"))
    await simulation.run_until(lambda s: (s.status.get("canary") or {}).get("step") == 1)
    simulation.kubectl_scale(0)
    await simulation.run(120)
    simulation.kubectl_scale(3)
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


ALL = [
    first_version,
    a_better_version_is_promoted,
    a_worse_version_is_rolled_back,
    a_version_that_fails_requests_is_rolled_back,
    a_model_that_does_not_load_never_gets_a_request,
    the_spec_goes_back_while_the_canary_has_traffic,
    another_version_overtakes_a_canary,
    an_old_version_comes_back_without_a_canary,
    a_rejected_version_is_retried_when_a_person_says_so,
    a_person_aborts,
    a_person_goes_back_at_night_and_resumes_in_the_morning,
    a_person_goes_back_to_a_version_that_does_not_start,
    a_step_waits_for_a_person_who_pauses_and_promotes,
    prometheus_is_away_and_comes_back,
    analysis_without_prometheus_never_starts,
    no_labels_until_the_deadline,
    a_canary_that_is_never_ready,
    status_is_lost,
    children_are_deleted_and_edited_by_hand,
    tls_and_signed_feedback_are_switched_on,
    blue_green_to_the_end,
    blue_green_goes_back_while_it_bakes,
    a_step_lets_nobody_in_before_others_do,
    an_autoscaler_sees_a_part_of_the_load_and_is_not_followed,
    pods_are_short_and_stable_gives_some,
    a_model_is_scaled_to_zero_in_mid_rollout_and_woken,
]


QUICK = (
    first_version,
    a_version_that_fails_requests_is_rolled_back,
    a_model_that_does_not_load_never_gets_a_request,
    the_spec_goes_back_while_the_canary_has_traffic,
    blue_green_to_the_end,
    a_person_aborts,
)


@pytest.mark.parametrize("story", rows(ALL, *QUICK))
async def test_story(story: Story) -> None:
    await is_as_it_was_reviewed(story)
