"""``rollback=<version>``: at night nobody should have to find the Git repository first."""

import pytest
from tests.support.simulation import (
    Simulation,
    canary,
    deployment_of,
    longest_without_endpoints,
    model_of,
    phase,
    revision_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)

V1 = uri_of("v1")


async def promoted(*versions: str, **more: object) -> Simulation:
    """These versions have become stable, one after the other."""
    first, *others = versions
    simulation = await serving(first, **more)
    for version in others:
        await canary(simulation, version)
        await simulation.live_until(lambda s, v=version: s.stable == v, 300)
        await simulation.live(8)
    return simulation


async def held_at_v1() -> Simulation:
    simulation = await promoted("v1", "v2")
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    await simulation.live(10)
    return simulation


async def test_a_version_comes_back_at_once_without_a_canary_and_a_bake_and_no_request_is_lost() -> None:
    simulation = await promoted("v1", "v2")
    simulation.change_spec(rollout=rollout(bakeSeconds=300))
    began = simulation.elapsed
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    assert not [m for m in simulation.since(began) if len(m.endpoints) > 1], "never a split"
    await simulation.live(10)
    assert simulation.elapsed - began < 60
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert deployment_of(simulation, "v2") is None
    assert simulation.lost == 0


async def test_status_says_that_a_version_is_held_against_which_and_what_ends_it() -> None:
    simulation = await held_at_v1()
    ready, stalled = simulation.condition("Ready"), simulation.condition("Stalled")
    assert (ready["status"], ready["reason"]) == ("False", "HeldByRollback")
    assert stalled["status"] == "True"
    assert simulation.condition("Degraded")["status"] == "False"
    for said in (
        "v1 serves on 3 of 3 pods",
        "rollback=v1 by kubectl-annotate",
        "the spec names v2",
        "resume@",
        "spec.model",
    ):
        assert said in ready["message"]
    hold = simulation.status["hold"]
    assert (hold["version"], hold["by"]) == ("v1", "kubectl-annotate")
    action = simulation.last_action()
    assert (action["action"], action["by"], action["outcome"]) == ("rollback=v1@night", "kubectl-annotate", "Done")
    assert len(simulation.told("WentBack")) == 1


async def test_the_restored_version_has_the_pod_template_it_was_born_with() -> None:
    simulation = await serving(runtime={"env": [{"name": "COLOUR", "value": "green"}]})
    born = deployment_of(simulation, "v1")
    assert born is not None
    template = born["spec"]["template"]
    await canary(simulation, runtime={"env": [{"name": "COLOUR", "value": "blue"}]})
    await simulation.live_until(lambda s: s.stable == "v2", 300)
    await simulation.live(8)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    again = deployment_of(simulation, "v1")
    assert again is not None
    assert again["spec"]["template"] == template


async def test_a_hold_survives_restarts_the_same_spec_and_everything_that_makes_no_revision() -> None:
    simulation = await held_at_v1()
    simulation.restart_operator()
    simulation.kubectl_apply(simulation.mdep["spec"])
    await simulation.live(30)
    simulation.change_spec(replicas=4)
    await simulation.live(20)
    simulation.change_spec(rollout=rollout(30, hold=5), analysis=None)
    await simulation.live(30)
    simulation.annotate("rollback=v1@night")  # Git applies it for ever
    await simulation.live(20)
    assert simulation.moments[-1].endpoints == {"v1": 4}
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    assert len(simulation.told("WentBack")) == 1


@pytest.mark.parametrize(
    "fields",
    [{"model": model_of("v3")}, {"runtime": {"env": [{"name": "A", "value": "b"}]}}],
    ids=["another model", "the same model with another runtime"],
)
async def test_a_hold_ends_when_the_spec_makes_another_revision(fields: dict[str, object]) -> None:
    simulation = await held_at_v1()
    wanted = fields.get("model", model_of("v2"))["version"]  # type: ignore[index]
    simulation.change_spec(**fields)
    await simulation.live_until(lambda s: s.stable == wanted, 300)
    await simulation.live(10)
    assert "hold" not in simulation.status
    assert simulation.condition("Ready")["status"] == "True"
    assert any("no longer held" in message for message in simulation.told("HoldEnded"))
    assert simulation.lost == 0


async def test_a_spec_that_names_the_held_version_makes_it_an_ordinary_one() -> None:
    simulation = await held_at_v1()
    simulation.change_spec(model=model_of("v1"))
    await simulation.live(10)
    assert "hold" not in simulation.status
    assert (simulation.condition("Ready")["status"], simulation.condition("Ready")["reason"]) == ("True", "Serving")
    assert simulation.condition("Stalled")["status"] == "False"


async def test_resume_lets_the_version_of_the_spec_come_again() -> None:
    simulation = await held_at_v1()
    simulation.annotate("resume@morning")
    await simulation.live_until(lambda s: s.stable == "v2", 120)
    await simulation.live(10)
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.last_action()["outcome"] == "Done"


@pytest.mark.parametrize("where", ["Resolving", "Starting", "Reaching", "Holding", "Growing", "Switching", "Baking"])
async def test_a_rollback_ends_whatever_is_under_way_in_every_state(where: str) -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(uri_of("v3"), ready_after=6)
    simulation.change_spec(model=model_of("v3"), rollout=rollout(25, bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == where, 200)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1" and phase(s) is None, 90)
    await simulation.live(10)
    assert simulation.outcome("v3") == "Superseded"
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    assert simulation.lost == 0
    assert simulation.errors == []


@pytest.mark.parametrize("where", ["Holding", "Baking"])
async def test_a_rollback_to_the_version_that_is_kept_is_one_write(where: str) -> None:
    simulation = await promoted("v1")
    simulation.change_spec(model=model_of("v2"), rollout=rollout(25, bakeSeconds=120))
    await simulation.live_until(lambda s: phase(s) == where, 200)
    simulation.annotate("rollback=v1@night")
    await simulation.live(3)
    assert simulation.moments[-1].endpoints == {"v1": 3}
    await simulation.live(30)
    assert simulation.outcome("v2") == "Superseded"
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    assert simulation.last_action()["outcome"] == "Done"
    simulation.annotate("resume@morning")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_version_that_does_not_start_takes_nothing_from_what_serves_and_can_be_asked_for_again() -> None:
    simulation = await promoted("v1", "v2", "v3")
    simulation.behave(V1, source_away=True)
    simulation.change_spec(rollout=rollout(progressDeadlineSeconds=30))
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.outcome("v1") == "RolledBack", 120)
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v3": 3}
    stalled = simulation.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "RollbackFailed")
    assert "v3 serves on" in stalled["message"]
    assert simulation.last_action()["outcome"] == "Failed"
    assert [v["promotedAt"] for v in simulation.status["versions"] if v["version"] == "v1"]
    simulation.annotate("rollback=v2@night")
    await simulation.live_until(lambda s: s.stable == "v2", 60)
    simulation.behave(V1)
    simulation.annotate("rollback=v1@later")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    assert simulation.lost == 0


async def test_a_rollback_that_failed_can_be_tried_again_or_let_go() -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(V1, source_away=True)
    simulation.change_spec(rollout=rollout(progressDeadlineSeconds=30))
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.outcome("v1") == "RolledBack", 120)
    simulation.behave(V1)
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    simulation.annotate("resume@1")
    await simulation.live_until(lambda s: s.stable == "v2" and s.condition("Ready")["status"] == "True", 120)


async def test_an_aborted_rollback_leaves_what_serves_and_what_the_spec_says() -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(V1, ready_after=60)
    simulation.annotate("rollback=v1@night")
    await simulation.live(10)
    simulation.annotate("abort@1")
    await simulation.live(10)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert simulation.condition("Ready")["reason"] == "Serving"
    assert "hold" not in simulation.status


@pytest.mark.parametrize("paused", ["spec", "action"])
async def test_nobody_who_has_paused_holds_up_a_rollback(paused: str) -> None:
    simulation = await promoted("v1", "v2")
    if paused == "spec":
        simulation.change_spec(paused=True)
    else:
        simulation.annotate("pause@1")
    await simulation.live(5)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)


async def test_a_version_that_is_not_known_is_refused_with_the_names_of_those_that_are() -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(uri_of("v3"), report={"ok": False, "reason": "ModelInvalid", "message": "no ONNX"})
    simulation.change_spec(model=model_of("v3"))
    await simulation.live_until(lambda s: s.outcome("v3") == "FailedPreflight", 60)
    for text, said in (
        ("rollback=v9@1", "no version v9"),
        ("rollback=v3@2", "v3 was never promoted (FailedPreflight)"),
    ):
        simulation.annotate(text)
        await simulation.live(5)
        message = simulation.told("ActionIgnored")[-1]
        assert said in message
        assert "v2, v1" in message
        assert simulation.last_action()["outcome"] == "Ignored"
    assert simulation.moments[-1].endpoints == {"v2": 3}


async def test_a_version_whose_birth_nobody_remembers_is_refused_in_words() -> None:
    simulation = await promoted("v1", "v2")
    old = next(r for r in simulation.of_kind("ControllerRevision") if r["data"]["version"] == "v1")
    simulation.remove(old)
    simulation.annotate("rollback=v1@night")
    await simulation.live(5)
    (message,) = simulation.told("ActionIgnored")
    for said in ("how its pods are made", old["metadata"]["name"], "name v1", V1):
        assert said in message
    assert simulation.moments[-1].endpoints == {"v2": 3}


async def test_a_birth_that_is_lost_while_its_version_comes_back_ends_the_rollback_in_words() -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(V1, ready_after=60)
    simulation.annotate("rollback=v1@night")
    await simulation.live(8)
    name = f"{simulation.name}-{revision_of(simulation, 'v1')}"
    for kind in ("ControllerRevision", "Deployment"):
        simulation.remove(simulation.child(kind, name))
    await simulation.live(20)
    assert simulation.outcome("v1") == "RolledBack"
    assert simulation.condition("Stalled")["reason"] == "RollbackFailed"
    assert "how pods of v1 are made" in words(simulation)
    assert simulation.moments[-1].endpoints == {"v2": 3}
    assert simulation.errors == []


async def test_a_version_that_is_on_its_way_already_is_not_asked_for_twice() -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(V1, ready_after=20)
    simulation.annotate("rollback=v1@1")
    await simulation.live(8)
    simulation.annotate("rollback=v1@2")
    await simulation.live(5)
    assert "is being rolled out already" in simulation.told("ActionIgnored")[-1]
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    await simulation.live(5)
    simulation.annotate("rollback=v1@3")
    await simulation.live(5)
    assert "serves already, and is held" in simulation.told("ActionIgnored")[-1]


async def test_two_rollbacks_after_one_another_end_at_the_second() -> None:
    simulation = await promoted("v1", "v2", "v3")
    simulation.behave(V1, ready_after=30)
    simulation.annotate("rollback=v1@1")
    await simulation.live(6)
    simulation.annotate("rollback=v2@2")
    await simulation.live_until(lambda s: s.stable == "v2", 60)
    await simulation.live(10)
    assert simulation.status["hold"]["version"] == "v2"
    assert [a["outcome"] for a in simulation.status["actions"]] == ["Done", "Failed"]
    assert simulation.lost == 0


async def test_an_old_action_that_git_applies_again_undoes_nothing_that_came_after_it() -> None:
    simulation = await promoted("v1", "v2")
    simulation.annotate("rollback=v1@git", by="argocd-controller")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    simulation.annotate("resume@person")
    await simulation.live_until(lambda s: s.stable == "v2", 100)
    simulation.annotate("rollback=v1@git", by="argocd-controller")
    await simulation.live(60)
    assert simulation.stable == "v2"
    assert len(simulation.told("WentBack")) == 1


async def test_status_that_is_lost_while_a_version_is_held_does_not_bring_the_other_one_back() -> None:
    simulation = await held_at_v1()
    simulation.lose_status()
    await simulation.live(200)
    assert simulation.stable == "v1", words(simulation)
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    assert simulation.lost == 0


async def test_a_back_up_with_an_old_rollback_on_it_goes_back_to_nothing() -> None:
    simulation = await held_at_v1()
    simulation.change_spec(model=model_of("v3"))
    await simulation.live_until(lambda s: s.stable == "v3", 300)
    await simulation.live(10)
    simulation.restore()
    await simulation.live(200)
    assert simulation.stable == "v3", words(simulation)
    assert "hold" not in simulation.status
    assert "may be from before status was lost" in simulation.told("ActionIgnored")[-1]


async def test_a_back_up_comes_back_held_as_it_was() -> None:
    simulation = await held_at_v1()
    simulation.behave(V1, ready_after=20)
    simulation.restore()
    await simulation.live(240)
    assert simulation.stable == "v1", words(simulation)
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"


async def test_a_held_version_that_stops_serving_is_told_and_stays_held() -> None:
    simulation = await held_at_v1()
    simulation.behave(V1, source_away=True)
    for pod in simulation.pods_of(revision_of(simulation, "v1")):
        simulation.remove(pod)
    await simulation.live(120)
    assert simulation.stable == "v1"
    assert wanted_pods(simulation, "v2") == 0
    assert "is ready on none of 3 pods" in simulation.condition("Degraded")["message"]
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    simulation.annotate("resume@1")
    await simulation.live_until(lambda s: s.stable == "v2", 60)


async def test_a_version_that_stopped_serving_is_replaced_by_the_one_that_is_asked_for_with_its_first_pod() -> None:
    simulation = await promoted("v1", "v2")
    simulation.behave(uri_of("v2"), source_away=True)
    for pod in simulation.pods_of(revision_of(simulation, "v2")):
        simulation.remove(pod)
    await simulation.live(80)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)


async def test_labels_that_stand_for_several_revisions_mean_the_last_and_a_revision_means_itself() -> None:
    simulation = await promoted("v1")
    first = revision_of(simulation, "v1")
    simulation.change_spec(runtime={"env": [{"name": "A", "value": "b"}]})
    await simulation.live_until(lambda s: s.status["stable"]["revision"] != first and phase(s) is None, 200)
    second = simulation.status["stable"]["revision"]
    simulation.annotate("rollback=v1@1")
    await simulation.live_until(lambda s: s.status["stable"]["revision"] == first, 60)
    simulation.annotate(f"rollback={second}@2")
    await simulation.live_until(lambda s: s.status["stable"]["revision"] == second, 60)
    await simulation.live(10)
    assert simulation.condition("Ready")["status"] == "True"
    assert "hold" not in simulation.status


async def test_failures_leave_every_version_that_could_be_gone_back_to_in_the_ledger() -> None:
    simulation = await promoted("v1", "v2", "v3", "v4", revisionHistoryLimit=3)
    for number in range(5, 10):
        version = f"bad{number}"
        simulation.behave(uri_of(version), report={"ok": False, "reason": "ModelInvalid", "message": "no ONNX"})
        simulation.change_spec(model=model_of(version))
        await simulation.live(12)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 100)


@pytest.mark.parametrize("write", [0, 1, 2, 4, 7, 11, 16])
async def test_a_rollback_is_carried_out_once_though_the_operator_dies_at_any_write(write: int) -> None:
    simulation = await promoted("v1", "v2")
    began = simulation.elapsed
    simulation.annotate("rollback=v1@night")
    simulation.writes_until_death = write
    await simulation.live_until(lambda s: s.stable == "v1", 90)
    await simulation.live(30)
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert simulation.condition("Ready")["reason"] == "HeldByRollback"
    assert longest_without_endpoints(simulation.since(began)) == 0
    assert 1 <= len(simulation.told("WentBack")) <= 2
    assert [a["action"] for a in simulation.status["actions"]] == ["rollback=v1@night"]
