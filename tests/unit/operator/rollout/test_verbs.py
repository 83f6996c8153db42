"""Each verb in each state: whether it applies, what it does to memory, and the sentence that says so."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.simulation import spec

from serin_operator.api.reasons import EventReason, Outcome
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.api.status_of_versions import VersionStatus
from serin_operator.decide.memory.actions import MOST_RECORDS, Fate
from serin_operator.decide.memory.ledger import is_rejected
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Growing,
    Holding,
    Idle,
    Kind,
    Order,
    Reaching,
    Resolving,
    Rollout,
    Starting,
    Switching,
)
from serin_operator.decide.memory.stops import Hold, Pause
from serin_operator.decide.rollout.steering import VERBS, Heard, hear
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.world import BornRevision, ChildMeta, ModelDeployment, OperatorConfig, Revision, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=5)
STEPS = [{"weight": 25, "holdSeconds": 10}, {"weight": 50, "holdSeconds": 10, "pause": True}]
SPEC = ModelDeploymentSpec.model_validate(spec("v2", rollout={"steps": STEPS}))
OURS = settings_of(SPEC).revision
CANARY = Candidate(OURS, "v2", "http://models/v2.onnx", Kind.CANARY, EARLIER, "ab" * 32)
CLOCK = Clock(EARLIER)
STATES: Mapping[str, Rollout] = {
    "Idle": Idle(),
    "Resolving": Resolving(CANARY, CLOCK),
    "Starting": Starting(CANARY, CLOCK),
    "Reaching": Reaching(CANARY, CLOCK, 0, EARLIER),
    "Holding": Holding(CANARY, CLOCK, 0, EARLIER),
    "Holding a step that pauses": Holding(CANARY, CLOCK, 1, EARLIER),
    "Growing": Growing(CANARY, CLOCK, 1),
    "Switching": Switching(CANARY, CLOCK),
    "Baking": Baking(CANARY, CLOCK),
    "first": Starting(replace(CANARY, kind=Kind.FIRST), CLOCK),
    "rescue": Starting(replace(CANARY, kind=Kind.RESCUE), CLOCK),
    "restored": Starting(replace(CANARY, kind=Kind.DIRECT), CLOCK),
}
UNDER_WAY = set(STATES) - {"Idle"}
AT_A_STEP = {"Reaching", "Holding", "Holding a step that pauses"}
APPLIES: Mapping[str, set[str]] = {
    "pause": set(STATES),
    "resume": {"Holding a step that pauses"},
    "promote": {"Resolving", "Starting", "Baking"} | AT_A_STEP,
    "skip-step": AT_A_STEP,
    "abort": UNDER_WAY,
    "retry": UNDER_WAY - {"first"} - {"Switching", "Baking"},
    "rollback=v0": set(STATES) - {"first"},
    "rollback=v1": set(STATES) - {"first"},
    "rollback=v2": set(),
    "rollback=v9": set(),
    "rollback=bad": set(),
    "dance": set(),
    "rollback": set(),
    "rollback=": set(),
    "pause=v1": set(),
    "": set(),
}
"""In which states a verb does something; nothing of v1 is ready here, so a version with all traffic is not retried."""


def version(label: str, outcome: Outcome = Outcome.PROMOTED, revision: str | None = None) -> VersionStatus:
    promoted = "2026-11-01T00:00:00Z" if outcome is Outcome.PROMOTED else None
    return VersionStatus(
        version=label,
        revision=revision or f"rev-{label}",
        uri=f"http://models/{label}.onnx",
        sha256=label * 8,
        outcome=outcome.value,
        promoted_at=promoted,
    )


V0, V1, BAD = version("v0"), version("v1"), version("bad", Outcome.ROLLED_BACK)
LEDGER = (version("v2", Outcome.IN_PROGRESS, OURS), V1, BAD, V0)


def memory_in(state: str, **more: object) -> Memory:
    stable = None if state == "first" else Stable("v1", "rev-v1", "v1" * 8)
    ledger = LEDGER[:1] if state == "first" else LEDGER
    return replace(Memory(stable=stable, rollout=STATES[state], ledger=ledger), **more)  # type: ignore[arg-type]


def world(text: str, *, wanted: ModelDeploymentSpec = SPEC, forgotten: str | None = None) -> World:
    born = {v.revision: _revision(v) for v in LEDGER if v.version != forgotten}
    annotations = {"serin.dev/action": text}
    mdep = ModelDeployment(
        "scoring", "credit", "uid", 1, "1", annotations, wanted, ModelDeploymentStatus(), action_by="kubectl-annotate"
    )
    return World(now=NOW, config=OperatorConfig(serving_image="i"), mdep=mdep, revisions=born)


def _revision(known: VersionStatus) -> Revision:
    name = f"credit-{known.revision}"
    meta = ChildMeta("apps/v1", "ControllerRevision", name, name, "1", owned=True, created_at=EARLIER)
    return Revision(known.revision, BornRevision(meta, 1, known.version, known.uri, known.sha256 or "", {}))


def heard(text: str, memory: Memory, wanted: ModelDeploymentSpec = SPEC, forgotten: str | None = None) -> Heard:
    return hear(world(text, wanted=wanted, forgotten=forgotten), memory, settings_of(wanted))


def message(of: Heard) -> str:
    return of.memory.actions[0].message


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", APPLIES, ids=lambda verb: verb or "nothing")
def test_each_verb_in_each_state_does_what_it_says_or_is_ignored_with_a_reason(verb: str, state: str) -> None:
    before = memory_in(state)
    after = heard(f"{verb}@1", before)
    record = after.memory.actions[0]
    ignored = [a for a in after.announcements if a.reason == EventReason.ACTION_IGNORED]
    assert (record.fate is not Fate.IGNORED) == (state in APPLIES[verb]), record.message
    assert bool(ignored) == (record.fate is Fate.IGNORED)
    assert (record.action, record.by, record.at) == (f"{verb}@1", "kubectl-annotate", NOW)
    if ignored:
        assert replace(after.memory, actions=(), last_action=None) == before
    again = heard(f"{verb}@1", after.memory)
    assert again == Heard(after.memory)


@pytest.mark.parametrize(
    "text", ["dance@1", "promote", "promote@", "@1", "pause=me@1", "rollback@1", "rollback=@1", "a@b@c"]
)
def test_what_is_not_understood_is_answered_with_everything_that_can_be_written(text: str) -> None:
    said = message(heard(text, memory_in("Holding")))
    for verb in VERBS.values():
        assert verb.form in said
    assert "@" in said


def test_a_nonce_may_hold_anything() -> None:
    assert heard("rollback=v0@ticket@42=x", memory_in("Idle")).memory.hold is not None


def test_promote_lifts_a_pause_and_skip_step_does_not() -> None:
    paused = memory_in("Holding", pause=Pause(EARLIER, "anna"))
    promoted, skipped = heard("promote@1", paused).memory, heard("skip-step@1", paused).memory
    assert promoted.pause is None
    assert skipped.pause == paused.pause


@pytest.mark.parametrize("state", ["Growing", "Switching", "restored"])
def test_promote_lifts_a_pause_also_where_nothing_is_left_to_skip(state: str) -> None:
    after = heard("promote@1", memory_in(state, pause=Pause(EARLIER, "anna")))
    assert after.memory.pause is None
    assert after.memory.actions[0].fate is Fate.BEGUN


@pytest.mark.parametrize("verb", ["promote", "skip-step"])
def test_what_the_spec_has_paused_only_the_spec_lets_go(verb: str) -> None:
    before = memory_in("Holding")
    after = heard(f"{verb}@1", before, SPEC.model_copy(update={"paused": True}))
    assert after.memory.rollout == before.rollout
    assert "spec.paused" in message(after)


def test_resume_lifts_the_pause_of_an_action_and_says_that_the_spec_has_paused_as_well() -> None:
    paused = SPEC.model_copy(update={"paused": True})
    after = heard("resume@1", memory_in("Holding", pause=Pause(EARLIER, "anna")), paused)
    assert after.memory.pause is None
    assert "only the spec lifts that" in message(after)
    assert "only the spec lifts that" in message(heard("resume@2", after.memory, paused))


def test_resume_lets_go_everything_at_once() -> None:
    held = Hold("rev-v0", "v0", OURS, EARLIER)
    after = heard("resume@1", memory_in("Idle", hold=held, pause=Pause(EARLIER))).memory
    assert (after.hold, after.pause) == (None, None)


def test_a_step_that_was_let_go_needs_no_second_word() -> None:
    after = heard("resume@1", memory_in("Holding a step that pauses")).memory
    assert not isinstance(after.rollout, Idle)
    assert after.rollout.candidate.order is Order.GO_ON
    assert heard("resume@2", after).memory.actions[0].fate is Fate.IGNORED


def test_a_pause_that_is_there_already_names_who_made_it() -> None:
    said = message(heard("pause@2", memory_in("Holding", pause=Pause(EARLIER, "anna"))))
    assert "by anna since 2026-11-20T11:55:00Z" in said


def test_a_rollback_forgives_what_a_former_one_had_failed_at_and_keeps_when_it_was_promoted() -> None:
    failed = V0.model_copy(update={"outcome": Outcome.ROLLED_BACK.value, "reason": "ProgressDeadlineExceeded"})
    after = heard("rollback=v0@1", memory_in("Idle", ledger=(*LEDGER[:-1], failed))).memory
    assert not is_rejected(after.ledger, "rev-v0")
    assert next(v for v in after.ledger if v.version == "v0").promoted_at == V0.promoted_at


def test_a_version_whose_birth_is_forgotten_is_refused_with_the_way_out() -> None:
    said = message(heard("rollback=v0@1", memory_in("Idle"), forgotten="v0"))
    for words in (
        "ControllerRevision credit-rev-v0 is gone",
        "name v0 (http://models/v0.onnx) in spec.model",
        "v1, v0",
    ):
        assert words in said


def test_a_version_that_was_never_promoted_is_refused_with_its_outcome_and_the_names_of_others() -> None:
    said = message(heard("rollback=bad@1", memory_in("Idle")))
    assert said == "no rollback: bad was never promoted (RolledBack); what can be gone back to: v1, v0"


def test_of_many_versions_the_newest_are_named() -> None:
    many = tuple(version(f"w{n}") for n in range(40))
    said = message(heard("rollback=x@1", memory_in("Idle", ledger=many)))
    assert "w9 and 30 more in status.versions" in said
    assert "w10" not in said


def test_a_rollback_while_status_is_being_rebuilt_waits_for_what_is_on_its_way_back() -> None:
    before = memory_in("Idle", ledger=LEDGER[:1], rebuilt_at=EARLIER)
    assert heard("rollback=v1@1", before) == Heard(before)
    later = replace(before, ledger=LEDGER)
    assert heard("rollback=v1@1", later).memory.hold is not None


@pytest.mark.parametrize("verb", ["rollback=v0", "abort", "promote", "skip-step", "retry"])
def test_an_annotation_that_may_be_older_than_the_loss_of_status_is_not_carried_out_again(verb: str) -> None:
    before = memory_in("Holding", rebuilt_at=EARLIER)
    after = heard(f"{verb}@old", before)
    assert (after.memory.rollout, after.memory.hold, after.abort) == (before.rollout, None, False)
    assert "write it with a new word" in message(after)
    anew = heard(f"{verb}@new", after.memory)
    assert anew.memory.actions[0].fate is not Fate.IGNORED


@pytest.mark.parametrize("verb", ["rollback=v1", "pause"])
def test_an_annotation_that_says_what_is_so_holds_on_though_status_was_lost(verb: str) -> None:
    after = heard(f"{verb}@old", memory_in("Idle", rebuilt_at=EARLIER)).memory
    assert bool(after.hold) == (verb != "pause")
    assert bool(after.pause) == (verb == "pause")


def test_nothing_is_held_once_the_spec_makes_another_revision() -> None:
    before = memory_in("Idle", hold=Hold("rev-v1", "v1", "another", EARLIER, "anna"))
    after = heard("", before)
    assert after.memory.hold is None
    (told,) = after.announcements
    assert told.reason == EventReason.HOLD_ENDED
    assert "v1 is no longer held by rollback=v1 by anna" in told.message


def test_nothing_is_held_that_the_ledger_has_lost_unless_it_is_on_its_way_back() -> None:
    before = memory_in("Idle", hold=Hold("rev-v7", "v7", OURS, EARLIER))
    (told,) = heard("", before).announcements
    assert "the ledger has lost it" in told.message
    rebuilding = replace(before, rebuilt_at=EARLIER)
    assert heard("", rebuilding) == Heard(rebuilding)


def test_an_action_that_the_release_before_has_carried_out_is_not_new() -> None:
    before = memory_in("Holding", last_action="abort@1")
    assert heard("abort@1", before) == Heard(before)


def test_every_verb_is_explained_to_people() -> None:
    page = Path("docs/steering.md").read_text()
    assert [verb.form for verb in VERBS.values() if f"| `{verb.form}` |" not in page] == []


def test_only_the_last_few_actions_are_remembered_and_messages_are_short() -> None:
    memory = memory_in("Holding")
    for number in range(9):
        memory = heard(f"{'x' * 3000}@{number}", memory).memory
    assert len(memory.actions) == MOST_RECORDS
    assert all(len(record.action) <= 256 and len(record.message) <= 512 for record in memory.actions)
