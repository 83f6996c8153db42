"""A rollout goes on although status says what no operator can have written."""

from typing import Any

import pytest
from tests.support.simulation import (
    canary,
    deployment_of,
    rollout,
    serving,
    uri_of,
    words,
)

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")
IMMEDIATE = {"strategy": "Immediate", "bakeSeconds": 10}
NOT_THERE = {"ok": False, "reason": "SourceNotFound", "message": "404"}


def in_metric(**fields: Any) -> Any:
    return lambda status: status["canary"]["evidence"]["metrics"]["errors"].update(fields)


def in_evidence(**fields: Any) -> Any:
    return lambda status: status["canary"]["evidence"].update(fields)


def in_canary(**fields: Any) -> Any:
    return lambda status: status["canary"].update(fields)


NEVER = "2099-11-20T12:01:00+00:00"
EDITS = {
    "evidence of words": in_metric(against=["a"]),
    "too little evidence": in_metric(against=[1]),
    "counts of words": in_metric(canary_total="many"),
    "rates of words": in_metric(base="x"),
    "evidence counted until yesterday": in_evidence(takenAt="yesterday"),
    "evidence counted until a time to come": in_evidence(takenAt=4e9),
    "a closed look without a time zone": in_canary(closedLooks=["2026-11-20T12:00:50/2026-11-20T12:01:00"]),
    "a closed look of no length": in_canary(
        closedLooks=["2026-11-20T12:01:00+00:00/2026-11-20T12:01:00+00:00"],
    ),
    "a closed look that is still to come": in_canary(closedLooks=[f"{NEVER}/2099-11-20T12:03:00+00:00"]),
    "a step that is still to come": in_canary(stepSince=NEVER),
    "a rebuilding that is still to come": lambda status: status.update(rebuiltAt=NEVER),
}


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit)
async def test_a_rollout_goes_on_though_status_says_what_cannot_be(edit: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50, hold=30))
    await simulation.live(14)
    simulation.edit_status(EDITS[edit])
    await simulation.live(200)
    assert simulation.errors == []
    assert simulation.outcome("v2") == "Promoted", words(simulation)
    assert deployment_of(simulation, "v1") is None, simulation.story[-3:]
