"""What no operator wrote is left out by name, to the edge of what one could have written."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.memory.test_written_and_recalled import CANDIDATE, CLOCK, COMPARISON, EARLIER, status_of

from serin_operator.api.status_of_rollouts import FloorStatus, LeavingStatus, ScalingStatus
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.ledger import begin
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.recalled import Recalled, recalled
from serin_operator.decide.memory.states import Holding, Idle

AT = "2026-11-20T12:00:00Z"
TEN_YEARS = 10 * 365 * 86400
HOLDING = Memory(
    Stable("v1", "rev1", "cd" * 32), Holding(CANDIDATE, CLOCK, 1, EARLIER), COMPARISON, begin((), CANDIDATE)
)


def read(**canary: Any) -> Recalled:
    """Status in which somebody has edited the canary."""
    status = status_of(HOLDING)
    assert status.canary
    observed = {key: canary.pop(key) for key in list(canary) if key in vars(status.canary.observed)}
    edited = status.canary.model_copy(update={**canary, "observed": status.canary.observed.model_copy(update=observed)})
    return recalled(status.model_copy(update={"canary": edited}), "http://elsewhere")


@pytest.mark.parametrize(
    "edit",
    [
        {"step": -1},
        {"next_step": -1},
        {"attempt": -1},
        {"restarts": -1},
        {"best": -1},
        {"waited": -0.5},
        {"held": -0.5},
        {"analysed": -0.5},
        {"dark": -0.5},
        {"waited": TEN_YEARS},
        {"pods": "3:x"},
        {"phase": "Dancing"},
        {"kind": "Dance"},
        {"order": "dance"},
    ],
    ids=str,
)
def test_a_rollout_with_what_cannot_be_is_no_rollout(edit: dict[str, Any]) -> None:
    found = read(**edit)
    assert (found.memory.rollout, found.unreadable) == (Idle(), ("canary",))
    assert found.memory.comparison == Comparison()


@pytest.mark.parametrize(
    "edit",
    [
        {"step": 0},
        {"next_step": 0},
        {"attempt": 0},
        {"restarts": 0},
        {"best": 0},
        {"waited": 0.0, "held": 0.0, "analysed": 0.0, "dark": 0.0},
        {"held": TEN_YEARS - 1.0},
        {"pods": "3:1"},
    ],
    ids=str,
)
def test_what_can_just_be_is_read(edit: dict[str, Any]) -> None:
    found = read(**edit)
    assert found.unreadable == ()
    assert isinstance(found.memory.rollout, Holding)


@pytest.mark.parametrize(
    ("replicas", "is_read"), [(-1, False), (0, False), (1, True), (1000, True), (1001, False)], ids=str
)
def test_sizes_that_no_spec_can_ask_for_are_left_out(replicas: int, is_read: bool) -> None:
    update = {
        "floor": FloorStatus(replicas=replicas, at=AT),
        "scaling": ScalingStatus(replicas=replicas, at=AT),
        "leaving": LeavingStatus.model_construct(version="v", revision="r", stable_ready=replicas, at=AT),
    }
    found = recalled(status_of(HOLDING).model_copy(update=update), "http://elsewhere")
    memory = found.memory
    assert [each.pods if each else None for each in (memory.floor, memory.scaling)] == [
        replicas if is_read else None
    ] * 2
    has_left = is_read or not replicas  # stable may have had none
    assert (memory.leaving.best if memory.leaving else None) == (replicas if has_left else None)
    lost = [
        name for name, is_there in (("floor", is_read), ("scaling", is_read), ("leaving", has_left)) if not is_there
    ]
    assert list(found.unreadable) == lost


@pytest.mark.parametrize(
    "evidence",
    [
        {"metrics": {"m": {field: [0.5]}}}
        for field in ("against", "for_it", "pairs_against", "pairs_for_it", "alike", "base")
    ]
    + [
        {"metrics": {"m": {field: "x"}}}
        for field in ("worst", "best", "canary_bad", "canary_total", "stable_bad", "stable_total", "step_samples")
    ]
    + [
        {"metrics": {"m": {"unheard": 1}}},
        {"takenAt": "then"},
        {"spread": {"m": [1.0]}},
        {"spread": {"m": ["x", 1]}},
        {"spread": {"m": [1.0, "x"]}},
        {"renewed": [0.0]},
        {"renewed": ["x", 0.0]},
        {"renewed": [0.0, "x"]},
        {"pods": {"m": [1.0, 2.0]}},
        {"pods": {"m": ["x", 2.0, 3]}},
        {"pods": {"m": [1.0, "x", 3]}},
        {"pods": {"m": [1.0, 2.0, "x"]}},
        {"eachPod": {"m": [1, 9] * 11}},
        {"eachPod": {"m": [9, 1] * 3}},
        {"eachPod": {"m": [1, 9, 1]}},
        {"clients": {"m": [0] * 99}},
    ]
    + [
        {"metrics": {"m": {field: told}}}
        for field, told in (
            ("latest", [1, 9]),
            ("latest", [9, 1, 1, 9]),
            ("made", [1, 9, 9]),
            ("made", [0.5, 9]),
            ("differing", [9, 1]),
            ("pairs", [1, 1, 1]),
            ("pair_ages", [1, 1]),
            ("pair_ages", [5, 5, 1]),
            ("apart", "far"),
            ("apart", -1.0),
            ("apart", float("nan")),
        )
    ],
    ids=str,
)
def test_evidence_that_cannot_be_gone_on_with_begins_anew_and_the_rollout_goes_on(evidence: dict[str, Any]) -> None:
    found = read(evidence=evidence)
    assert found.unreadable == ("canary.evidence",)
    assert found.memory == replace(HOLDING, comparison=replace(COMPARISON, evidence={}, results=()))


def test_a_look_that_ended_before_it_began_is_none() -> None:
    span = "2026-11-20T12:00:00Z/2026-11-20T12:00:00Z"
    assert read(closed_looks=[span]).memory.comparison.closed == ()


def test_a_rollout_that_the_ledger_does_not_know_is_of_the_spec_s_model() -> None:
    status = status_of(replace(HOLDING, ledger=()))
    rollout = recalled(status, "http://elsewhere").memory.rollout
    assert isinstance(rollout, Holding)
    assert rollout.candidate.uri == "http://elsewhere"
