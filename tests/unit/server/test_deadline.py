"""Runs that may never end are ended, or left behind."""

import threading

import numpy as np
import pytest
from tests.support.models import endless

from serin_server.model.deadline import TookTooLong, in_thread, is_anybody_left_behind, within
from serin_server.model.session import open_session


@pytest.mark.parametrize("seconds", [0, 60])
def test_work_that_ends_gives_what_it_returns_and_raises(seconds: float) -> None:
    assert within(seconds, lambda _: 7) == 7
    with pytest.raises(TimeoutError, match="mine"):
        within(seconds, _raising)


def _raising(_):
    raise TimeoutError("mine")


def test_a_graph_that_loops_for_ever_is_ended_and_can_be_run_again(tmp_path) -> None:
    session = open_session(endless(tmp_path / "m.onnx"))
    zero, one = {"x": np.zeros(1, np.float32)}, {"x": np.ones(1, np.float32)}
    with pytest.raises(TookTooLong, match=r"0\.2 s"):
        within(0.2, lambda options: session.run(zero, options=options))
    assert not is_anybody_left_behind()
    assert session.run(one)[0].tolist() == [1.0]


def test_work_that_does_not_listen_is_left_behind_and_known_to_be(tmp_path) -> None:
    over = threading.Event()
    with pytest.raises(TookTooLong):
        within(0.05, lambda _: over.wait(), grace_seconds=0.05)
    assert is_anybody_left_behind()
    over.set()
    in_thread(lambda: None).result()
