"""promote, pause, rollback and the like: what is written, and what is told of what came of it."""

import json

import jsonschema_rs
import pytest
from tests.golden.gitops import moments
from tests.support.kubectl_serin import Clock, FakeKubectl, asked, of_simulation
from tests.support.simulation import Simulation
from tests.unit.kubectl_serin.schemas import SCHEMAS


def heard(kubectl: FakeKubectl, outcome: str, message: str = "as asked", old: bool = False) -> list[str]:
    """Lets the operator hear what is annotated; the actions that were written."""
    written: list[str] = []

    def hears(action: str) -> None:
        written.append(action)
        status = next(o for o in kubectl.objects if o["kind"] == "ModelDeployment")["status"]
        record = {"action": action, "at": "2026-11-20T12:10:00Z", "outcome": outcome, "message": message}
        status.update({"lastAction": action} if old else {"lastAction": action, "actions": [record]})

    kubectl.on_annotate = hears
    return written


@pytest.fixture
async def holding() -> Simulation:
    return await moments.a_canary_is_held_at_a_step()


@pytest.mark.parametrize("verb", ["promote", "skip-step", "pause", "resume", "abort", "retry"])
async def test_a_verb_is_written_with_a_new_word_each_time(holding: Simulation, verb: str) -> None:
    kubectl = of_simulation(holding)
    written = heard(kubectl, "Done")
    codes = [asked(kubectl, verb, "credit-risk")[0] for _ in range(2)]
    assert codes == [0, 0]
    assert [action.partition("@")[0] for action in written] == [verb, verb]
    assert len(set(written)) == 2
    assert any("--field-manager=kubectl-serin" in call for call in kubectl.calls)


async def test_what_came_of_it_is_as_promised_to_programs(holding: Simulation) -> None:
    kubectl = of_simulation(holding)
    heard(kubectl, "Done")
    _, told, _ = asked(kubectl, "pause", "credit-risk", "-o", "json")
    jsonschema_rs.validate(SCHEMAS["pause credit-risk"], json.loads(told))


@pytest.mark.parametrize(("outcome", "code"), [("Begun", 0), ("Done", 0), ("Ignored", 1), ("Failed", 1)])
async def test_the_exit_code_says_whether_it_was_done(holding: Simulation, outcome: str, code: int) -> None:
    kubectl = of_simulation(holding)
    heard(kubectl, outcome, "because of this")
    assert asked(kubectl, "abort", "credit-risk")[0] == code
    assert "because of this" in asked(kubectl, "abort", "credit-risk")[1]


async def test_an_operator_that_does_not_hear_is_not_waited_for_for_ever(holding: Simulation) -> None:
    code, _, error = asked(of_simulation(holding), "abort", "credit-risk")
    assert code == 3
    assert "has not heard abort@" in error
    assert "kubectl serin doctor" in error


async def test_an_operator_of_an_older_release_is_told_to_have_heard(holding: Simulation) -> None:
    kubectl = of_simulation(holding)
    heard(kubectl, "", old=True)
    code, told, _ = asked(kubectl, "abort", "credit-risk")
    assert code == 0
    assert "older release" in told


async def test_what_has_begun_is_waited_for_when_that_is_asked(holding: Simulation) -> None:
    kubectl, clock = of_simulation(holding), Clock()
    heard(kubectl, "Begun")

    def ends() -> None:
        status = next(o for o in kubectl.objects if o["kind"] == "ModelDeployment")["status"]
        status["actions"][0].update(outcome="Failed", message="its pods did not come")

    clock.on_sleep = ends
    code, told, _ = asked(kubectl, "rollback", "credit-risk", "v1", "--wait", clock=clock)
    assert (code, "its pods did not come" in told) == (1, True)


async def test_going_back_without_a_version_goes_to_the_one_that_served_before() -> None:
    kubectl = of_simulation(await moments.promoted())
    written = heard(kubectl, "Begun")
    code, _, said = asked(kubectl, "rollback", "credit-risk")
    assert code == 0
    assert written[0].startswith("rollback=v1@")
    assert "going back to v1" in said


async def test_going_back_while_a_version_bakes_goes_to_the_one_that_is_kept() -> None:
    kubectl = of_simulation(await moments.baking())
    written = heard(kubectl, "Done")
    asked(kubectl, "rollback", "credit-risk")
    assert written[0].startswith("rollback=v1@")


async def test_with_nothing_to_go_back_to_nothing_is_written() -> None:
    kubectl = of_simulation(await moments.the_first_version_serves())
    written = heard(kubectl, "Done")
    code, _, error = asked(kubectl, "rollback", "credit-risk")
    assert (code, written) == (1, [])
    assert "no version to go back to" in error
