"""What is written into status is read back as it was, in every state: a restart at any moment changes no later decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api.status import ModelDeploymentStatus, StableStatus
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.looks import Span
from serin_operator.decide.memory.actions import Fate, Record
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.guarded import written_guard
from serin_operator.decide.memory.ledger import begin
from serin_operator.decide.memory.memory import Floor, Leaving, Memory, Scaling, Stable
from serin_operator.decide.memory.outbox import Announcement, Letter, Line, Notice
from serin_operator.decide.memory.recalled import Recalled, recalled
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Growing,
    Holding,
    Idle,
    Kind,
    Order,
    Outage,
    Reaching,
    Resolving,
    Rollout,
    Starting,
    Switching,
)
from serin_operator.decide.memory.steered import written_actions, written_hold, written_pause
from serin_operator.decide.memory.stops import Hold, Pause
from serin_operator.decide.memory.written import (
    written_canary,
    written_floor,
    written_leaving,
    written_letter,
    written_outage,
    written_scaling,
)
from serin_operator.decide.timestamps import precise

NOW = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)
EARLIER = NOW - timedelta(seconds=90)
CANDIDATE = Candidate(
    revision="rev2",
    version="v2",
    uri="http://models/v2.onnx",
    kind=Kind.CANARY,
    started_at=EARLIER,
    sha256="ab" * 32,
    attempt=2,
    warm_restarts=(("credit-risk-rev2-a", 1), ("credit-risk-rev2-b", 3)),
    restarts=1,
)
CLOCK = Clock(NOW, waited=1.5, held=2.25, analysed=3.125, dark=0.5, best=2)
COMPARISON = Comparison(
    evidence={"takenAt": 1.0, "metrics": {"errors": {"rule": "r", "looks": 3}}, "spread": {"errors": [1.5, 2]}},
    results=(MetricStatus(metric="errors", verdict="Pass", reason="NoWorse", message="fine", samples=400),),
    since=EARLIER,
    look_from=EARLIER + timedelta(seconds=10),
    share=25,
    mirror=50,
    testers=True,
    change_from=EARLIER,
    steady_from=NOW,
    closed=(Span(EARLIER, NOW),),
    changes=(Span(EARLIER, EARLIER + timedelta(seconds=2)), Span(EARLIER, NOW)),
    taken_at=NOW,
    failed_at=EARLIER,
    stage_from=NOW,
    is_ripe=True,
    stage_weight=25,
    achieved=33,
    stray="the canary answered twice its share",
)
STATES: list[Rollout] = [
    Idle(),
    Resolving(CANDIDATE, CLOCK),
    Starting(replace(CANDIDATE, kind=Kind.FIRST), CLOCK),
    Starting(replace(CANDIDATE, kind=Kind.RESCUE), CLOCK),
    Reaching(CANDIDATE, CLOCK, 0, EARLIER),
    Reaching(CANDIDATE, CLOCK, 2, EARLIER, 1, NOW, 50),
    Reaching(CANDIDATE, CLOCK, 0, EARLIER, weight=0),
    Holding(replace(CANDIDATE, order=Order.GO_ON), CLOCK, 1, EARLIER),
    Starting(replace(CANDIDATE, order=Order.PROMOTE), CLOCK),
    Starting(replace(CANDIDATE, kind=Kind.ROLLBACK), CLOCK),
    Holding(CANDIDATE, CLOCK, 1, EARLIER),
    Growing(CANDIDATE, CLOCK, 2),
    Switching(replace(CANDIDATE, kind=Kind.DIRECT), CLOCK),
    Baking(CANDIDATE, CLOCK),
]


def status_of(memory: Memory) -> ModelDeploymentStatus:
    """As it comes back from the API server."""
    stable = memory.stable
    status = ModelDeploymentStatus(
        stable=stable
        and StableStatus(
            version=stable.version,
            revision=stable.revision,
            sha256=stable.sha256,
            weight=100,
            ready_replicas=3,
            replicas=3,
        ),
        canary=written_canary(memory),
        versions=list(memory.ledger) or None,
        last_action=memory.last_action,
        actions=written_actions(memory.actions),
        pause=written_pause(memory.pause),
        hold=written_hold(memory.hold),
        outage=written_outage(memory.outage),
        floor=written_floor(memory.floor),
        scaling=written_scaling(memory.scaling),
        leaving=written_leaving(memory.leaving),
        rebuilt_at=precise(memory.rebuilt_at) if memory.rebuilt_at else None,
        outbox=[written_letter(letter) for letter in memory.outbox] or None,
    )
    return ModelDeploymentStatus.model_validate(status.model_dump(by_alias=True, exclude_none=True, mode="json"))


@pytest.mark.parametrize("rollout", STATES, ids=lambda state: type(state).__name__)
def test_memory_is_read_back_as_it_was(rollout: Rollout) -> None:
    memory = Memory(
        stable=Stable("v1", "rev1", "cd" * 32),
        rollout=rollout,
        comparison=Comparison() if isinstance(rollout, Idle) else COMPARISON,
        ledger=begin((), CANDIDATE),
        last_action="retry@monday",
        actions=(
            Record("rollback=v1@2", NOW, Fate.BEGUN, "v1 comes back", "kubectl-annotate", "rev1"),
            Record("dance@1", EARLIER, Fate.IGNORED, "not understood"),
        ),
        pause=Pause(NOW, "kubectl-annotate"),
        hold=Hold("rev1", "v1", "rev2", EARLIER),
        outage=Outage(NOW, 12.5, is_waking=True),
        floor=Floor(7, EARLIER),
        scaling=Scaling(3, NOW),
        leaving=Leaving("rev3", "v3", 2, NOW),
        outbox=(
            Letter("Promoted/1", Announcement("Promoted", "v2: v2 serves all traffic")),
            Letter("RolledBack/2", Announcement("RolledBack", "worse", warning=True)),
            Letter(
                "notice-Held/4", Notice("Held", "Stalled", "the quota is used up", ("ops", "team"), NOW, "v2", "v1")
            ),
            Letter("notice-Step/5", Notice("Step", "StepStarted", "step 1 of 2", ("ops",), EARLIER)),
            Letter("look/3", Line("look", {"start": "then", "records": [{"a": 1}]})),
        ),
        rebuilt_at=EARLIER,
    )
    found = recalled(status_of(memory), "http://elsewhere")
    assert found.unreadable == ()
    assert found.memory == memory


def test_a_guard_is_read_back_as_it_was_with_what_it_has_counted() -> None:
    guard = Guard("rev2", "v2", "rev1", "v1", EARLIER, NOW)
    counted = replace(COMPARISON, evidence={**COMPARISON.evidence, "renewed": [1.0, 0.5]}, mirror=0, testers=False)
    counted = replace(counted, stage_from=None, is_ripe=False, stage_weight=None, achieved=0, stray=None)
    hold = Hold("rev1", "v1", "rev2", EARLIER, guard_of="v2")
    memory = Memory(Stable("v2", "rev2", "cd" * 32), Idle(), counted, begin((), CANDIDATE), hold=hold, guard=guard)
    status = status_of(memory).model_copy(
        update={"guard": written_guard(guard, counted, until=NOW, verdict="Pass", message="fine")}
    )
    read = ModelDeploymentStatus.model_validate(status.model_dump(by_alias=True, exclude_none=True, mode="json"))
    assert recalled(read, "http://elsewhere") == Recalled(memory)


@pytest.mark.parametrize(
    ("edit", "unreadable"),
    [
        ({"since": "then"}, "guard"),
        ({"evidence": {"renewed": ["x", 0]}}, "guard.evidence"),
        ({"last_look_at": "?"}, "guard"),
    ],
)
def test_a_guard_that_somebody_has_edited_is_named_and_what_can_be_read_goes_on(
    edit: dict[str, Any], unreadable: str
) -> None:
    guard = Guard("rev2", "v2", "rev1", "v1", EARLIER, NOW)
    memory = Memory(Stable("v2", "rev2", "cd" * 32), Idle(), COMPARISON, begin((), CANDIDATE), guard=guard)
    written = written_guard(guard, COMPARISON, until=NOW, verdict="Pass", message="fine").model_copy(update=edit)
    found = recalled(status_of(memory).model_copy(update={"guard": written}), "http://elsewhere")
    assert found.unreadable == (unreadable,)
    assert found.memory.guard == (None if "since" in edit else guard)
    assert found.memory.comparison.evidence in ({}, COMPARISON.evidence)


def test_a_stage_without_traffic_is_no_stage_that_is_unknown() -> None:
    aside = Comparison(stage_weight=0, stage_from=NOW)
    memory = Memory(Stable("v1", "rev1", "cd" * 32), Holding(CANDIDATE, CLOCK, 0, EARLIER), aside, begin((), CANDIDATE))
    assert recalled(status_of(memory), "http://elsewhere").memory == memory


@pytest.mark.parametrize(
    ("former", "step", "then"),
    [
        ("Resolving", None, Resolving),
        ("Starting", None, Starting),
        ("Shifting", None, Reaching),
        ("Shifting", 0, Reaching),
        ("Stepping", 1, Holding),
        ("Promoting", 1, Growing),
        ("Promoting", None, Switching),
    ],
)
def test_what_the_release_before_wrote_is_gone_on_with(former: str, step: int | None, then: type[Rollout]) -> None:
    memory = Memory(stable=Stable("v1", "rev1", ""), rollout=Starting(CANDIDATE, CLOCK), comparison=COMPARISON)
    status = status_of(memory)
    canary = status.canary
    assert canary is not None
    before = canary.model_copy(
        update={
            "phase": former,
            "step": step,
            "next_step": 1 if former == "Shifting" else None,
            "pods": "3:1" if former == "Stepping" else None,
            "share": None,
            "change_since": None,
            "closed_looks": None,
        }
    )
    found = recalled(status.model_copy(update={"canary": before}), "http://models/v2.onnx")
    assert found.unreadable == ()
    assert type(found.memory.rollout) is then
    assert found.memory.comparison.evidence == COMPARISON.evidence
    assert found.memory.comparison.look_from == COMPARISON.look_from
    assert found.memory.comparison.share == canary.weight
