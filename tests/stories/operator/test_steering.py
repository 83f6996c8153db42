"""People steer a rollout by annotation: pause, resume, promote, skip a step, abort; and steps that wait for a person."""

import pytest
from tests.support.simulation import (
    Simulation,
    canary,
    late_from,
    longest_without_endpoints,
    model_of,
    phase,
    rollout,
    serving,
    uri_of,
    words,
)

V2 = uri_of("v2")
PAUSING = {
    "steps": [{"weight": 25, "holdSeconds": 10, "pause": True}, {"weight": 50, "holdSeconds": 10}],
    "bakeSeconds": 10,
}


async def waiting_at_a_step(**more: object) -> Simulation:
    """v2 has done its time at a step that waits for a person."""
    simulation = await serving()
    await canary(simulation, rollout=PAUSING, **more)
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "StepPaused", 120)
    return simulation


async def test_a_step_that_says_pause_waits_for_a_person_and_says_what_to_write() -> None:
    simulation = await waiting_at_a_step()
    await simulation.live(1500)
    assert simulation.moments[-1].endpoints == {"v1": 3, "v2": 1}
    ready = simulation.condition("Ready")
    assert ready["reason"] == "StepPaused"
    assert simulation.condition("Progressing")["status"] == "False"
    assert "waits for a person" in simulation.told("StepStarted")[-1]
    for said in ("v2 at step 1/2 (25 %)", "resume@", "skip-step@", "promote@"):
        assert said in ready["message"]
    assert simulation.condition("Stalled")["status"] == "False"
    assert simulation.condition("Degraded")["status"] == "False"


@pytest.mark.parametrize("verb", ["resume", "skip-step", "promote"])
async def test_resume_skip_step_and_promote_each_end_the_wait(verb: str) -> None:
    simulation = await waiting_at_a_step()
    simulation.annotate(f"{verb}@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    steps = [message for message in simulation.told("StepStarted") if "step 2" in message]
    assert bool(steps) == (verb != "promote")
    assert simulation.lost == 0


async def test_a_version_that_turns_bad_while_it_waits_for_a_person_is_rolled_back() -> None:
    simulation = await waiting_at_a_step()
    simulation.behave(V2, error_rate=1.0)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)


@pytest.mark.parametrize("on_deadline", ["Rollback", "Promote", "Pause"])
async def test_no_deadline_decides_in_place_of_the_person(on_deadline: str) -> None:
    simulation = await serving(requests_a_second=0)
    wanted = {**PAUSING, "deadlineSeconds": 60, "onDeadline": on_deadline}
    simulation.change_spec(model=model_of("v2"), rollout=wanted)
    await simulation.live_until(lambda s: phase(s) == "Holding", 120)
    await simulation.live(600)
    assert phase(simulation) == "Holding"
    assert simulation.condition("Ready")["reason"] == "StepPaused", words(simulation)


async def test_a_pause_by_action_holds_as_the_spec_does_and_says_who_it_was() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50))
    simulation.annotate("pause@1", by="anna-laptop")
    await simulation.live(120)
    ready = simulation.condition("Ready")
    assert (phase(simulation), ready["reason"]) == ("Holding", "Paused")
    assert "a pause by anna-laptop since " in ready["message"]
    assert simulation.status["pause"]["by"] == "anna-laptop"
    simulation.restart_operator()
    await simulation.live(60)
    assert phase(simulation) == "Holding"
    simulation.annotate("resume@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    assert "pause" not in simulation.status


async def test_a_pause_while_nothing_is_rolled_out_holds_the_next_version_and_is_told_beforehand() -> None:
    simulation = await serving()
    simulation.annotate("pause@1")
    await simulation.live(10)
    assert simulation.condition("Ready")["status"] == "True"
    assert "will hold the next version" in simulation.condition("Ready")["message"]
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(60)
    assert (phase(simulation), simulation.condition("Ready")["reason"]) == ("Starting", "Paused")
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_a_pause_keeps_no_bad_version_in_traffic() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=300))
    simulation.annotate("pause@1")
    simulation.behave(V2, error_rate=1.0)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)


async def test_a_pause_while_a_version_bakes_keeps_the_one_before() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, bakeSeconds=30))
    await simulation.live_until(lambda s: phase(s) == "Baking", 200)
    simulation.annotate("pause@1")
    await simulation.live(120)
    assert (phase(simulation), simulation.moments[-1].ready) == ("Baking", {"v1": 3, "v2": 3})
    simulation.annotate("promote@1")
    await simulation.live(5)
    assert simulation.outcome("v2") == "Promoted"
    assert "pause" not in simulation.status


async def test_what_the_spec_has_paused_no_action_lets_go() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50))
    simulation.change_spec(paused=True)
    for number, verb in enumerate(("resume", "promote", "skip-step")):
        simulation.annotate(f"{verb}@{number}")
        await simulation.live(20)
        assert simulation.last_action()["outcome"] == "Ignored"
        assert "spec.paused" in simulation.last_action()["message"]
    assert phase(simulation) in {"Reaching", "Holding"}


@pytest.mark.parametrize("where", ["Resolving", "Starting", "Reaching", "Holding", "Baking"])
async def test_a_promoted_version_waits_for_neither_steps_nor_evidence_and_loses_no_request(where: str) -> None:
    simulation = await serving(requests_a_second=20)
    simulation.behave(V2, ready_after=6)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(25, hold=3000, bakeSeconds=10))
    if where == "Baking":
        simulation.change_spec(rollout=rollout(25, hold=1, bakeSeconds=3000))
    await simulation.live_until(lambda s: phase(s) == where, 300)
    simulation.annotate("promote@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 90)
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert simulation.last_action()["outcome"] == "Done"
    assert longest_without_endpoints(simulation.moments[50:]) == 0
    assert simulation.lost == 0


async def test_a_promoted_version_gets_no_traffic_before_every_pod_is_ready() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 60))
    await canary(simulation, rollout=rollout(25, hold=3000))
    simulation.annotate("promote@1")
    await simulation.live(40)
    assert phase(simulation) == "Growing"
    assert simulation.moments[-1].endpoints.get("v1") == 3
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)
    assert simulation.lost == 0


async def test_a_promoted_version_that_turns_bad_is_rolled_back_all_the_same() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 120))
    await canary(simulation, rollout=rollout(25, hold=3000))
    simulation.annotate("promote@1")
    simulation.behave(V2, ready_after=late_from(1, 120), error_rate=1.0)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 100)
    assert simulation.last_action()["outcome"] == "Failed"


async def test_promote_brings_back_no_version_that_was_rolled_back() -> None:
    simulation = await serving()
    simulation.behave(V2, accuracy=0.4)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 200)
    simulation.annotate("promote@1")
    await simulation.live(60)
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert "retry@" in simulation.told("ActionIgnored")[-1]


async def test_a_promoted_version_without_a_prometheus_needs_none() -> None:
    simulation = await serving(prometheus=False)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.condition("Ready")["reason"] == "PrometheusNotConfigured", 60)
    simulation.annotate("promote@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 60)


async def test_steps_can_be_skipped_one_by_one_under_a_pause() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(10, 25, 50, hold=600))
    simulation.annotate("pause@1")
    await simulation.live(3)
    for step in (1, 2):
        simulation.annotate(f"skip-step@{step}")
        await simulation.live_until(lambda s, n=step: (s.status.get("canary") or {}).get("step") == n, 60)
        await simulation.live(30)
        assert simulation.status["canary"]["step"] == step
    simulation.annotate("skip-step@3")
    await simulation.live(60)
    assert (phase(simulation), simulation.condition("Ready")["reason"]) == ("Growing", "Paused")
    simulation.annotate("resume@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 120)
    assert simulation.lost == 0


async def test_an_action_that_git_applies_for_ever_is_carried_out_once() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50, hold=20))
    simulation.annotate("skip-step@git", by="argocd-controller")
    await simulation.live_until(lambda s: (s.status.get("canary") or {}).get("step") == 1, 60)
    simulation.annotate("pause@person")
    await simulation.live(5)
    for _ in range(5):
        simulation.annotate("skip-step@git", by="argocd-controller")
        await simulation.live(5)
    assert (phase(simulation), simulation.status["canary"]["step"]) == ("Holding", 1)
    assert len(simulation.told("StepSkipped")) == 1


async def test_of_two_actions_that_follow_closely_the_last_counts() -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=600))
    simulation.annotate("pause@1")
    simulation.annotate("abort@2")
    await simulation.live_until(lambda s: s.outcome("v2") == "Aborted", 30)
    assert [a["action"] for a in simulation.status["actions"]] == ["abort@2"]


async def test_an_abort_tells_what_came_of_it_and_of_what_was_asked_before() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=late_from(1, 300))
    await canary(simulation, rollout=rollout(25, hold=600))
    simulation.annotate("promote@1")
    await simulation.live(10)
    simulation.annotate("abort@2", by="kubectl-edit")
    await simulation.live(10)
    actions = [(a["action"], a["by"], a["outcome"]) for a in simulation.status["actions"]]
    assert actions == [("abort@2", "kubectl-edit", "Done"), ("promote@1", "kubectl-annotate", "Failed")]


@pytest.mark.parametrize("verb", ["promote", "skip-step", "pause"])
@pytest.mark.parametrize("write", [0, 1, 3, 6, 10])
async def test_an_action_is_carried_out_once_though_the_operator_dies_at_any_write(verb: str, write: int) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50, hold=10))
    simulation.annotate(f"{verb}@1")
    simulation.writes_until_death = write
    await simulation.live(30)
    if verb == "pause":
        assert phase(simulation) == "Holding"
        simulation.annotate("resume@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    await simulation.live(10)
    told = simulation.told({"promote": "PromotedByHand", "skip-step": "StepSkipped", "pause": "Paused"}[verb])
    assert 1 <= len(told) <= 2
    assert len([a for a in simulation.status["actions"] if a["action"] == f"{verb}@1"]) == 1
    assert simulation.lost == 0
