"""Hostile models: each is refused in a sentence, in bounded time and memory, and nothing of this machine is told."""

from pathlib import Path

import pytest
from tests.support.bounded import resolved
from tests.support.models import doubling
from tests.unit.server.hostile import HOSTILE, calls, doubling_functions

MOST_PROCESSOR_SECONDS, MOST_SECONDS, MOST_MIB = 5.0, 60.0, 512

_ANSWERED_AT_ONCE = {"noise", "a function that calls itself", "weights of the machine"}
"""One of each sort; each starts a process, so the inner loop leaves the others out."""
ROWS = [
    pytest.param(*row, id=name, marks=() if name in _ANSWERED_AT_ONCE else pytest.mark.slow)
    for name, row in HOSTILE.items()
]


def refused(tmp_path: Path, *more: str):
    arguments = ["--model", str(tmp_path / "model"), "--cache-dir", str(tmp_path / "cache"), *more]
    return resolved(tmp_path / "log", arguments, most_seconds=MOST_SECONDS, most_mib=2048)


@pytest.mark.parametrize(("make", "reason", "words"), ROWS)
def test_a_hostile_file_is_refused_in_a_sentence_and_within_bounds(tmp_path, make, reason, words) -> None:
    (tmp_path / "model").mkdir()
    make(tmp_path / "model")
    ended = refused(tmp_path)
    assert ended is not None, "it goes on for ever"
    assert (ended.code, ended.told.get("reason")) == (64, reason), ended
    assert words in ended.told["message"], ended.told["message"]
    assert 20 < len(ended.told["message"]) <= 1000
    assert "root:" not in ended.told["message"]
    assert (tmp_path / "log").stat().st_size < 3584
    assert ended.processor_seconds < MOST_PROCESSOR_SECONDS
    assert ended.grown_mib < MOST_MIB
    assert not Path("/tmp/serin-was-here").exists()


@pytest.mark.parametrize("digest", ["0" * 64, "f" * 64])
def test_other_bytes_than_were_asked_for_are_refused_before_they_are_read(tmp_path, digest) -> None:
    (tmp_path / "model").mkdir()
    doubling(tmp_path / "model" / "model.onnx")
    ended = refused(tmp_path, "--model-sha256", digest)
    assert ended is not None
    assert (ended.code, ended.told["reason"]) == (64, "DigestMismatch")


def test_functions_that_are_written_out_to_something_of_use_are_served(tmp_path) -> None:
    (tmp_path / "model").mkdir()
    calls(doubling_functions(6))(tmp_path / "model")
    ended = refused(tmp_path)
    assert ended is not None
    assert (ended.code, ended.told["ok"]) == (0, True)


def test_there_are_forty_of_them() -> None:
    assert len(HOSTILE) >= 40
