"""Status is the memory, and people and back-up tools can write into it: what serves is never deleted for that."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.simulation import Simulation, canary, deployment_of, rollout, serving, words

from serin_operator.decide.judging import verdict

Change = Callable[[dict[str, Any]], None]


def in_canary(**fields: Any) -> Change:
    return lambda status: status["canary"].update(fields)


def in_ledger(**fields: Any) -> Change:
    return lambda status: [entry.update(fields) for entry in status["versions"]]


def without(*keys: str) -> Change:
    def change(status: dict[str, Any]) -> None:
        for key in keys:
            status.pop(key, None)

    return change


def in_stable(**fields: Any) -> Change:
    return lambda status: status["stable"].update(fields)


ANYWHERE: dict[str, Change] = {
    "without stable": without("stable"),
    "without the ledger": without("versions"),
    "without stable and ledger": without("stable", "versions"),
    "without conditions": without("conditions"),
    "nothing left": lambda status: status.clear(),
    "another revision is stable": in_stable(revision="nobody1234", version="v0"),
    "stable without a digest": in_stable(sha256=""),
    "the ledger knows outcomes of its own": in_ledger(outcome="Great"),
    "the ledger's times are words": in_ledger(promotedAt="yesterday", startedAt="a while ago"),
    "the ledger is of another revision": in_ledger(revision="nobody1234"),
    "the ledger says that stable was rolled back": in_ledger(outcome="RolledBack"),
    "conditions of another time": lambda status: [c.update(lastTransitionTime="noon") for c in status["conditions"]],
    "an action of another time": lambda status: status.update(lastAction="x" * 5000),
}
IN_A_ROLLOUT: dict[str, Change] = {
    "without the canary": without("canary"),
    "kind": in_canary(kind="Blue"),
    "pods": in_canary(pods="many"),
    "started at": in_canary(startedAt="yesterday"),
    "phase began": in_canary(phaseStartedAt="yesterday"),
    "observed at": in_canary(observed={"at": "yesterday", "waited": -5, "held": 1e300}),
    "a step below the first": in_canary(step=-5),
    "a step above the last": in_canary(step=500),
    "the next step": in_canary(nextStep=-1),
    "phase": in_canary(phase="Dancing"),
    "no phase of its own": in_canary(step=None),
    "revision": in_canary(revision="nobody1234"),
    "digest": in_canary(sha256="not a digest"),
    "weight": in_canary(weight=400),
    "attempt": in_canary(attempt=-3),
    "restarts": in_canary(restarts=-7),
    "canary since": in_canary(canarySince="since ever"),
    "weight changes": in_canary(weightChanges=["once", "twice/thrice"]),
    "last look": in_canary(lastLookAt="just now"),
    "failed look": in_canary(failedLookAt="just now"),
    "evidence is text": in_canary(evidence={"metrics": {"errors": "fine"}}),
    "evidence of a newer operator": in_canary(evidence={"metrics": {"errors": {"colour": "blue"}}, "schema": 99}),
    "evidence of impossible numbers": in_canary(evidence={"metrics": {"errors": {"against": ["a"], "looks": -1}}}),
    "step weight": in_canary(stepWeight=-20),
}


async def always_served(simulation: Simulation, seconds: float) -> None:
    """Live on: no exception, and clients reach somebody at every moment."""
    began = simulation.elapsed
    await simulation.live(seconds)
    assert simulation.errors == [], simulation.errors[:3]
    assert all(moment.endpoints for moment in simulation.since(began)), simulation.story[-15:]
    assert simulation.lost == 0


@pytest.mark.parametrize("edit", ANYWHERE, ids=lambda edit: edit)
async def test_what_serves_goes_on_serving_whatever_status_says(edit: str) -> None:
    simulation = await serving()
    simulation.edit_status(ANYWHERE[edit])
    await always_served(simulation, 60)
    assert deployment_of(simulation, "v1") is not None
    assert simulation.stable == "v1", words(simulation)
    assert simulation.condition("Ready")["status"] == "True", words(simulation)


@pytest.mark.parametrize("edit", [*ANYWHERE, *IN_A_ROLLOUT], ids=lambda edit: edit)
async def test_what_serves_goes_on_serving_whatever_status_says_in_a_rollout(edit: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=40))
    await simulation.live(8)
    simulation.edit_status({**ANYWHERE, **IN_A_ROLLOUT}[edit])
    await always_served(simulation, 240)
    assert simulation.stable in {"v1", "v2"}, words(simulation)
    assert deployment_of(simulation, simulation.stable) is not None
    healthy = simulation.condition("Ready")["status"] == "True"
    told = simulation.condition("Degraded")["status"] == "True" or simulation.condition("Stalled")["status"] == "True"
    moving = simulation.condition("Reconciling")["status"] == "True"
    assert healthy or told or moving, words(simulation)


@pytest.mark.parametrize("edit", ["kind", "pods", "observed at", "a step below the first", "evidence is text"])
async def test_status_that_nobody_can_have_written_is_told(edit: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=40))
    await simulation.live(8)
    simulation.edit_status(IN_A_ROLLOUT[edit])
    await simulation.live(20)
    assert simulation.told("StatusRebuilt"), simulation.story[-12:]


async def test_a_rollout_that_status_has_forgotten_never_becomes_stable_without_its_steps() -> None:
    simulation = await serving()
    simulation.behave("http://models/v2.onnx", accuracy=0.4)
    await canary(simulation, rollout=rollout(25, hold=40))
    simulation.edit_status(without("stable", "versions", "canary"))
    await simulation.live(200)
    assert simulation.stable == "v1", simulation.story[-15:]
    assert simulation.moments[-1].endpoints == {"v1": 3}


async def test_evidence_that_the_engine_cannot_go_on_with_begins_anew_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, hold=40))

    def raises(*_: object) -> None:
        raise ValueError("counts of another release")

    with monkeypatch.context() as broken:
        broken.setattr(verdict, "judge", raises)
        await simulation.live(20)
        assert "could not be gone on with, so it begins anew" in words(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)
    assert simulation.errors == []
