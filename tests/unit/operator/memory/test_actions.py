"""What people asked for is recognised when it is applied again, and told in as many words as status holds."""

from datetime import UTC, datetime

import pytest

from serin_operator.api.reasons import Outcome, Reason
from serin_operator.decide.memory.actions import Fate, Record, concluded, is_known, mark_of, noted
from serin_operator.decide.memory.states import Candidate, Ended, Kind
from serin_operator.decide.memory.steered import recalled_actions, written_actions

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CANDIDATE = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, NOW)


def record(action: str = "promote@1", fate: Fate = Fate.BEGUN, revision: str | None = "rev2") -> Record:
    return Record(action, NOW, fate, "said", revision=revision)


@pytest.mark.parametrize(
    ("length", "is_itself"),
    [pytest.param(256, True, id="the longest that status holds"), pytest.param(257, False, id="one letter more")],
)
def test_an_annotation_is_remembered_as_it_is_or_by_its_digest(length: int, is_itself: bool) -> None:
    text = "x" * length
    assert (mark_of(text) == text) is is_itself
    assert mark_of(text).startswith("x" if is_itself else "sha256:")
    assert is_known([record("other"), record(mark_of(text))], text)
    assert not is_known([record(mark_of(text))], f"{text[:-1]}y")


def test_what_is_no_text_of_unicode_is_remembered_as_well() -> None:
    assert mark_of("\ud800" * 300).startswith("sha256:")


def test_the_five_newest_are_remembered_with_512_letters_each() -> None:
    before = tuple(record(f"promote@{n}") for n in range(5))
    after = noted(before, Record("promote@new", NOW, Fate.DONE, "m" * 600))
    assert [each.action for each in after] == ["promote@new", *(f"promote@{n}" for n in range(4))]
    assert after[0].message == "m" * 512


def test_of_what_somebody_wrote_into_status_five_are_read() -> None:
    written = written_actions(tuple(record(f"promote@{n}") for n in range(7)))
    assert [each.action for each in recalled_actions(written)] == [f"promote@{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("outcome", "fate"),
    [(each, Fate.DONE if each is Outcome.PROMOTED else Fate.FAILED) for each in Outcome if each != "InProgress"],
)
def test_an_action_ends_as_the_rollout_that_it_was_about(outcome: Outcome, fate: Fate) -> None:
    ended = Ended(CANDIDATE, outcome, Reason.PROMOTED, "m" * 600)
    begun, done, other = record(), record(fate=Fate.IGNORED), record(revision="rev1")
    told = concluded((begun, done, other), ended)
    assert (told[0].fate, told[1:]) == (fate, (done, other))
    assert told[0].message.startswith(f"v2 {outcome}: mmm")
    assert len(told[0].message) == 512
