"""One turn of the event loop is one run; bad requests fail alone; slow models leave the loop free."""

import asyncio
import threading
from time import perf_counter

import numpy as np
import pytest

from serin_server.dataplane.batcher import Batcher
from serin_server.dataplane.call import NO_BATCH, Call
from serin_server.metrics.server import ServerMetrics
from serin_server.model.tensors import Signature, TensorSpec
from serin_server.refusals import Kind

LABELS = dict.fromkeys(["model_namespace", "model_name", "model_version", "model_revision", "server_id"], "x")


class InvalidArgument(Exception):
    """Named as ONNX Runtime names it."""


class FakeSession:
    """Doubles; raises on 99; notes the rows of each run; waits where it is told to."""

    def __init__(self, shape=(-1, 1)):
        self.signature = Signature((TensorSpec("x", "FP32", shape),), (TensorSpec("y", "FP32", shape),))
        self.runs = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    def run(self, feed):
        array = feed["x"]
        self.runs.append(len(array))
        self.started.set()
        assert self.gate.wait(20)
        if (array == 99).any():
            raise InvalidArgument("99 is not a number that I take")
        return [array * 2]


def batcher_of(session, metrics, *arguments, **more):
    more.setdefault("is_batchable", session.signature.has_free_rows)
    return Batcher(session, metrics, asyncio.get_running_loop(), *arguments, **more)


def call(*values, rows=None, width=1):
    array = np.array(values, np.float32).reshape(-1, width)
    return Call([array], len(array) if rows is None else rows, array.shape[1:], "id")


@pytest.fixture
def metrics():
    return ServerMetrics(LABELS, 0.0)


async def answers(batcher, calls):
    loop = asyncio.get_running_loop()
    futures = []
    for each in calls:
        each.started = each.started or perf_counter()
        future = loop.create_future()
        futures.append(future)
        batcher.submit(each, future.set_result)
    return await asyncio.gather(*futures)


async def test_what_one_turn_brought_is_one_run_and_each_gets_its_own_rows(metrics):
    session = FakeSession()
    batcher = batcher_of(session, metrics)
    done = await answers(batcher, [call(1), call(2, 3), call(4)])
    assert session.runs == [4]
    assert [each.outputs[0].ravel().tolist() for each in done] == [[2], [4, 6], [8]]
    await answers(batcher, [call(5)])
    assert session.runs == [4, 1]
    assert metrics.batch_size.sum == 3 + 1


async def test_a_request_that_makes_the_model_raise_fails_alone(metrics):
    session = FakeSession()
    done = await answers(batcher_of(session, metrics), [call(1), call(99), call(3)])
    assert [each.refusal and each.refusal.kind for each in done] == [None, Kind.INVALID_TENSOR, None]
    assert "99 is not a number" in done[1].refusal.message
    assert [each.outputs[0].ravel().tolist() for each in (done[0], done[2])] == [[2], [6]]


@pytest.mark.parametrize(
    ("is_batchable", "calls", "max_rows", "runs"),
    [
        (True, [(1,), (2,), (3,)], 2, [2, 1]),
        (True, [(1,), (2,)], 1, [1, 1]),
        (False, [(1,), (2,)], 256, [1, 1]),
        (True, [(1, 2, 3), (4,)], 2, [3, 1]),
    ],
)
async def test_runs_are_no_larger_than_allowed_and_shared_only_where_decided(
    metrics, is_batchable, calls, max_rows, runs
):
    session = FakeSession()
    await answers(batcher_of(session, metrics, max_rows, is_batchable=is_batchable), [call(*each) for each in calls])
    assert session.runs == runs


async def test_requests_of_other_widths_or_without_rows_in_common_do_not_mix(metrics):
    session = FakeSession((-1, -1))
    calls = [call(1, 2, width=2), call(1), call(3, 4, width=2), call(7, rows=NO_BATCH)]
    done = await answers(batcher_of(session, metrics), calls)
    assert sorted(session.runs) == [1, 1, 2]
    assert [each.outputs[0].ravel().tolist() for each in done] == [[2, 4], [2], [6, 8], [14]]


async def test_a_slow_model_leaves_the_loop_free_and_those_who_wait_too_long_are_told(metrics):
    session = FakeSession()
    seen = []
    batcher = batcher_of(session, metrics, 256, 0.2, lambda *run: seen.append(run))
    session.gate.clear()
    running = asyncio.ensure_future(answers(batcher, [call(1)]))
    assert await asyncio.to_thread(session.started.wait, 20)
    waiting = asyncio.ensure_future(answers(batcher, [call(2)]))
    (first,) = await running  # answered while the run still goes on
    (second,) = await waiting
    assert (first.refusal.kind, second.refusal.kind) == (Kind.TIMED_OUT, Kind.TIMED_OUT)
    session.gate.set()
    (third,) = await answers(batcher, [call(3)])
    assert third.outputs[0].tolist() == [[6]]
    assert [arrays[0].tolist() for arrays, _ in seen] == [[[1]], [[3]]]
