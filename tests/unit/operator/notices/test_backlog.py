"""Who is next for a channel, and when: in order for one model, each model for itself, patient with a receiver that is away."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.act.notices import backlog as module
from serin_operator.act.notices.backlog import AT_A_TIME, Backlog
from serin_operator.act.notices.line import Answer, Item
from serin_operator.act.notices.telling import About
from serin_operator.decide.memory.outbox import Letter, Notice, delivery

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
TAKEN, FAILED, REFUSED = Answer(is_taken=True), Answer(why="HTTP 500"), Answer(is_refused=True, why="HTTP 400")


def letter(key: str, at: datetime = NOW, to: tuple[str, ...] = ("ops",)) -> Letter:
    return Letter(key, Notice("Promoted", "Promoted", key, to, at))


def about(name: str) -> About:
    return About("ns", name, f"uid-{name}")


class Room:
    """A backlog, a clock, and what became of its notices."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ended: list[tuple[str, str]] = []
        self.room: list[str] = []
        self.backlog = Backlog("ops", self._note, lambda about: self.room.append(about.name))

    def _note(self, item: Item, how: str) -> None:
        self.ended.append((item.letter.key, how))

    def put(self, name: str, *keys: str, done: Any = ()) -> None:
        self.backlog.hand_over(about(name), [letter(key) for key in keys], frozenset(done))

    def take(self) -> Item | None:
        return self.backlog.take(self.now, NOW + timedelta(seconds=self.now))

    def keys(self) -> list[str]:
        """What is sent now."""
        taken = []
        while (item := self.take()) is not None:
            taken.append(item.letter.key)
        return taken

    def answer(self, item: Item | None, answer: Answer) -> None:
        assert item is not None
        self.backlog.answered(item, answer, self.now, 1.0)

    def wait(self) -> None:
        """Until something may be due."""
        due = self.backlog.next_at()
        assert due is not None
        self.now = max(self.now, due)


def test_nothing_overtakes_the_head_of_a_line() -> None:
    room = Room()
    room.put("a", "a1", "a2")
    first = room.take()
    assert room.keys() == []
    room.answer(first, FAILED)
    assert room.keys() == []
    room.wait()
    assert room.keys() == ["a1"]


def test_the_next_of_a_line_follows_at_once() -> None:
    room = Room()
    room.put("a", "a1", "a2")
    room.answer(room.take(), TAKEN)
    assert room.keys() == ["a2"]
    assert room.ended == [("a1", "delivered")]


def test_models_do_not_wait_for_one_another() -> None:
    room = Room()
    room.put("a", "a1")
    room.put("b", "b1")
    room.answer(room.take(), FAILED)
    assert room.keys() == ["b1"]


def test_a_few_are_under_way_at_a_time() -> None:
    room = Room()
    for name in "abcdefgh":
        room.put(name, name)
    assert len(room.keys()) == AT_A_TIME
    assert room.backlog.next_at() is None


def test_waits_double_up_to_a_minute() -> None:
    room, waits = Room(), []
    room.put("a", "a1")
    for _ in range(9):
        room.answer(room.take(), FAILED)
        before = room.now
        room.wait()
        waits.append(room.now - before)
    assert waits[:2] == [2, 4]
    assert max(waits) == 60
    assert waits[-1] == 60


def test_a_receiver_that_is_away_is_tried_by_one_at_a_time_and_not_always_by_the_same() -> None:
    room = Room()
    for name in "abcd":
        room.put(name, name)
    for item in [room.take() for _ in range(3)]:
        room.answer(item, FAILED)
    assert room.backlog.is_away
    tried = []
    for _ in range(4):
        room.wait()
        item = room.take()
        assert item is not None
        assert room.take() is None
        tried.append(item.letter.key)
        room.answer(item, FAILED)
    assert sorted(tried) == ["a", "b", "c", "d"]


def test_when_it_is_back_everybody_is_sent_at_once() -> None:
    room = Room()
    for name in "abc":
        room.put(name, name)
    for item in [room.take() for _ in range(3)]:
        room.answer(item, FAILED)
    room.wait()
    room.answer(room.take(), TAKEN)
    assert not room.backlog.is_away
    assert len(room.keys()) == 2


@pytest.mark.parametrize(("asked", "waited"), [(30.0, 30), (7200.0, 3600), (0.0, 2)])
def test_a_receiver_that_asks_for_patience_gets_it_within_an_hour(asked: float, waited: float) -> None:
    room = Room()
    room.put("a", "a1")
    room.put("b", "b1")
    first = room.take()
    room.answer(first, Answer(why="HTTP 429", retry_after=asked))
    if asked:
        assert room.keys() == []
    else:
        assert room.keys() == ["b1"]
    room.wait()
    assert room.now == (waited if asked else 2)


def test_content_that_a_receiver_refuses_holds_up_its_line_for_three_attempts() -> None:
    room = Room()
    room.put("a", "poison", "a2")
    for _ in range(3):
        room.wait()
        room.answer(room.take(), REFUSED)
    assert room.ended == [("poison", "refused")]
    assert not room.backlog.is_away
    assert room.keys() == ["a2"]


def test_a_content_at_which_the_receiver_fails_each_time_holds_up_no_other_model() -> None:
    room, delivered = Room(), []
    room.put("poison", "poison")
    for number in range(40):
        room.put(f"m{number}", f"m{number}")
    for _ in range(200):
        while (item := room.take()) is not None:
            room.answer(item, FAILED if item.letter.key == "poison" else TAKEN)
        room.wait()
    delivered = [key for key, how in room.ended if how == "delivered"]
    assert len(delivered) == 40


def test_after_a_day_a_notice_is_given_up_and_the_next_has_its_turn() -> None:
    room = Room()
    room.backlog.hand_over(about("a"), [letter("old"), letter("new", NOW + timedelta(hours=20))], frozenset())
    room.answer(room.take(), FAILED)
    room.now = 24 * 3600 + 1
    assert room.keys() == ["new"]
    assert room.ended == [("old", "expired")]


def test_what_status_has_given_up_is_dropped_and_what_is_done_is_not_sent_again() -> None:
    room = Room()
    room.put("a", "a1", "a2", "a3")
    room.put("a", "a2", "a3")
    assert room.ended == [("a1", "dropped")]
    room.answer(room.take(), TAKEN)
    room.put("a", "a2", "a3", done=[delivery("a2", "ops")])
    assert room.keys() == ["a3"]
    assert room.ended == [("a1", "dropped"), ("a2", "delivered")]


def test_a_notice_under_way_is_not_sent_twice_when_status_is_read_again() -> None:
    room = Room()
    room.put("a", "a1", "a2")
    first = room.take()
    room.put("a", "a1", "a2")
    assert room.keys() == []
    room.answer(first, TAKEN)
    room.put("a", "a1", "a2", done=[delivery("a1", "ops")])
    assert room.keys() == ["a2"]
    assert room.ended == [("a1", "delivered")]


def test_reading_status_again_forgets_no_patience() -> None:
    room = Room()
    room.put("a", "a1")
    room.answer(room.take(), FAILED)
    room.put("a", "a1", "a2")
    assert room.keys() == []


def test_notices_for_other_channels_are_none_of_its_business() -> None:
    room = Room()
    room.backlog.hand_over(about("a"), [letter("x", to=("team",))], frozenset())
    assert room.keys() == []
    assert room.backlog.waiting == 0


def test_memory_is_bounded_and_who_was_turned_away_is_called_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 2)
    room = Room()
    for name in "abc":
        room.put(name, name)
    assert room.backlog.waiting == 2
    room.answer(room.take(), TAKEN)
    assert room.room == ["c"]
    room.put("c", "c")
    assert sorted(room.keys()) == ["b", "c"]


def test_a_model_that_is_gone_is_not_kept_waiting_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 1)
    room = Room()
    room.put("a", "a1")
    room.put("b", "b1")
    room.backlog.gone("ns", "b")
    room.answer(room.take(), TAKEN)
    assert room.room == []


def test_how_old_the_oldest_is_can_be_told() -> None:
    room = Room()
    assert room.backlog.oldest is None
    room.backlog.hand_over(about("a"), [letter("x", NOW - timedelta(hours=1))], frozenset())
    room.put("b", "b1")
    assert room.backlog.oldest == NOW - timedelta(hours=1)


def test_a_receiver_that_fails_at_one_content_is_tried_with_that_of_others_first() -> None:
    room = Room()
    room.put("poison", "poison")
    for _ in range(4):
        room.wait()
        room.answer(room.take(), FAILED)
    assert room.backlog.is_away
    room.put("b", "b1")
    room.wait()
    assert room.keys() == ["b1"]


def test_who_had_a_name_before_comes_first_and_what_a_back_up_brings_again_comes_once() -> None:
    room, another = Room(), About("ns", "a", "another")
    room.put("a", "a1", "a2", "a3")
    first = room.take()
    assert first is not None
    room.backlog.gone("ns", "a")
    room.backlog.hand_over(another, [letter("a2"), letter("b1")], frozenset())
    assert not room.backlog.is_kept(first)
    told = []
    for item in iter(lambda: first if not told else room.take(), None):
        told.append(item.letter.key)
        room.answer(item, TAKEN)
    assert told == ["a1", "a3", "a2", "b1"]
    assert room.backlog.waiting == 0


def test_of_a_name_that_comes_and_goes_the_newest_are_kept() -> None:
    room = Room()
    for number in range(30):
        room.backlog.hand_over(About("ns", "a", f"uid-{number}"), [letter(f"a{number}")], frozenset())
    assert room.backlog.waiting == 21
    assert room.ended[0] == ("a0", "dropped")
    assert room.keys() == ["a9"]
