"""The outbox: each letter is told once, and what is never taken does not push out what somebody still waits for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from serin_operator.decide.memory.outbox import (
    Announcement,
    Content,
    Letter,
    Line,
    Notice,
    delivered,
    delivery,
    posted,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def notice(number: int = 0, *to: str) -> Notice:
    return Notice("Held", "Stalled", f"number {number}", to or ("ops", "team"), NOW)


def numbers(letters: tuple[Letter, ...], kind: type[Content]) -> list[str]:
    return [str(vars(each.content).get("message")) for each in letters if isinstance(each.content, kind)]


def test_of_far_too_much_the_oldest_is_given_up_and_notices_have_a_place_of_their_own() -> None:
    contents = [kind for n in range(40) for kind in (notice(n), Announcement("Held", f"number {n}"))]
    letters = posted((), contents, NOW)
    assert numbers(letters, Announcement) == [f"number {n}" for n in range(10, 40)]
    assert numbers(letters, Notice) == [f"number {n}" for n in range(20, 40)]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (Announcement("Promoted", "all"), "Promoted/"),
        (Line("look taken"), "look-taken/"),
        (notice(), "notice-Held/"),
    ],
)
def test_a_letter_is_recognised_by_what_it_is_about_and_when(content: Content, key: str) -> None:
    first, second = posted((), (content, content), NOW)
    assert first.key.startswith(f"{key}2026-11-20T12:00:00")
    assert first.key != second.key
    assert posted((), (content,), NOW)[0] == first


@pytest.mark.parametrize(
    ("told", "channels", "left"),
    [
        pytest.param((), ("ops", "team"), ("ops", "team"), id="nobody has taken it"),
        pytest.param(("n>ops",), ("ops", "team"), ("team",), id="one has taken it"),
        pytest.param((), ("team",), ("team",), id="a channel is there no more"),
        pytest.param(("n>ops",), ("ops",), None, id="the last that is there has taken it"),
        pytest.param(("m>ops", "n"), ("ops", "team"), ("ops", "team"), id="they have taken another"),
    ],
)
def test_a_notice_stays_until_every_channel_that_wants_it_has_it(told: Any, channels: Any, left: Any) -> None:
    rest = delivered((Letter("n", notice()),), told, channels)
    assert [vars(each.content)["to"] for each in rest] == ([] if left is None else [left])
    assert delivery("n", "ops") == "n>ops"


def test_events_and_lines_that_were_told_are_gone() -> None:
    letters = (Letter("a", Announcement("A", "a")), Letter("b", Line("b")))
    assert delivered(letters, ["a"]) == letters[1:]
    assert delivered(letters, []) == letters
