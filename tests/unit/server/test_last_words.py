"""A server ends once for each reason, so that Kubernetes shows it, and not again."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from serin_server.failures import LoadFailure, Reason
from serin_server.process.lastwords import PATIENCE_SECONDS, LastWords

CHANGED = LoadFailure(Reason.DIGEST_MISMATCH, "holds sha256 b, but a was asked for")
AWAY = LoadFailure(Reason.SOURCE_UNREACHABLE, "no answer")


@dataclass
class Clock:
    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def last_words(folder: Path, *, waited: float = PATIENCE_SECONDS) -> LastWords:
    """Those of a container that has tried for a while."""
    (folder / "termination-log").touch()
    clock = Clock()
    words = LastWords(folder / "cache", folder / "termination-log", clock)
    clock.at += waited
    return words


def test_a_short_trouble_is_not_worth_an_end(tmp_path: Path) -> None:
    assert not last_words(tmp_path, waited=PATIENCE_SECONDS - 1).are_due(AWAY)


def test_a_container_ends_once_to_tell_and_the_next_one_stays(tmp_path: Path) -> None:
    assert last_words(tmp_path).are_due(AWAY)
    assert not last_words(tmp_path).are_due(AWAY)


def test_another_reason_is_told_too(tmp_path: Path) -> None:
    assert last_words(tmp_path).are_due(AWAY)
    assert last_words(tmp_path).are_due(CHANGED)


def test_after_a_success_the_same_reason_is_news_again(tmp_path: Path) -> None:
    words = last_words(tmp_path)
    assert words.are_due(AWAY)
    words.forget()
    assert last_words(tmp_path).are_due(AWAY)


def test_a_cache_folder_that_is_none_holds_no_mark_and_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    words = last_words(tmp_path)
    assert not words.are_due(AWAY)
    words.forget()


def test_without_a_termination_log_nobody_would_hear_it(tmp_path: Path) -> None:
    words = last_words(tmp_path)
    (tmp_path / "termination-log").unlink()
    assert not words.are_due(AWAY)


PASSING = {Reason.SOURCE_UNREACHABLE, Reason.SOURCE_CHANGED, Reason.DISK_FULL, Reason.ADDRESS_UNAVAILABLE}
OTHER = {Reason.INVALID_SETTING: 2, Reason.PROCESS_DIED: 70, Reason.OUT_OF_MEMORY: 70, Reason.SERVER_FAULT: 70}


@pytest.mark.parametrize("reason", Reason)
def test_what_lies_with_the_model_is_permanent_and_what_may_pass_is_worth_another_try(reason: Reason) -> None:
    assert LoadFailure(reason, "").exit_code == (75 if reason in PASSING else OTHER.get(reason, 64))
