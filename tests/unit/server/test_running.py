"""Where runs are made, of what size, and when: cheap ones on the loop, dear ones beside it, devices in fixed sizes."""

import asyncio
import threading
from time import perf_counter

import numpy as np
import pytest
from tests.support.sessions import LIMIT_SECONDS, DeviceSession, GatedSession, call

from serin_server.dataplane.batcher import Batcher
from serin_server.metrics.server import ServerMetrics
from serin_server.refusals import Kind

LABELS = dict.fromkeys(["model_namespace", "model_name", "model_version", "model_revision", "server_id"], "x")
CHEAP, DEAR = 0.00003, 0.5


@pytest.fixture
def metrics():
    return ServerMetrics(LABELS, 0.0)


def batcher_of(session, metrics, *, costs=(), **more):
    """A batcher that knows what some sizes cost."""
    more = {"is_batchable": True, **more}
    batcher = Batcher(session, metrics, asyncio.get_running_loop(), **more)
    for size, seconds in costs:
        batcher._cost.learn(size, seconds)
    return batcher


def ask(batcher, each):
    """Submits one call; a future of it answered."""
    each.started = each.started or perf_counter()
    future = asyncio.get_running_loop().create_future()
    batcher.submit(each, future.set_result)
    return future


async def a_run_of(session):
    """Waits until one more run has begun."""
    assert await asyncio.to_thread(session.started.acquire, timeout=LIMIT_SECONDS)


def values(answered):
    return answered.outputs[0].ravel().tolist()


HERE = threading.get_ident


async def test_what_nobody_knows_the_cost_of_runs_beside_the_loop_and_on_it_once_it_proved_cheap(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics)
    assert values(await ask(batcher, call(1))) == [2]
    assert values(await ask(batcher, call(2))) == [4]
    assert [thread == HERE() for thread in session.threads] == [False, True]


async def test_the_first_large_request_does_not_hold_the_loop(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(1, CHEAP)], max_rows=1000)
    await ask(batcher, call(*range(90)))
    assert session.threads != [HERE()]
    await ask(batcher, call(*range(90)))
    assert session.threads[1] == HERE()


async def test_a_model_that_was_dear_comes_back_to_the_loop_when_it_is_cheap_again(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(1, DEAR)])
    runs = 0
    while HERE() not in session.threads:
        await ask(batcher, call(1))
        runs += 1
        assert runs < 60
    assert runs > 3


async def test_a_cheap_request_goes_past_a_dear_one_that_is_under_way(metrics):
    session = GatedSession(gated_rows=90)
    batcher = batcher_of(session, metrics, costs=[(1, CHEAP)], max_rows=1000)
    session.gate.clear()
    dear = ask(batcher, call(*range(90)))
    await a_run_of(session)
    assert values(await ask(batcher, call(1))) == [2]
    assert not dear.done()
    session.gate.set()
    assert len(values(await dear)) == 90


async def test_what_comes_while_a_dear_run_goes_on_shares_the_next(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(size, DEAR) for size in (1, 2, 4)])
    session.gate.clear()
    first = ask(batcher, call(1))
    await a_run_of(session)
    others = [ask(batcher, call(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    session.gate.set()
    assert [values(await each) for each in (first, *others)] == [[2], [4], [6], [8]]
    assert session.runs == [1, 3]


async def test_one_full_batch_stands_ready_behind_the_run_under_way(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(2, DEAR)], max_rows=2)
    session.gate.clear()
    asked = [ask(batcher, call(number)) for number in range(6)]
    await a_run_of(session)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(batcher._workers.jobs) == 2
    session.gate.set()
    assert [values(await each) for each in asked] == [[2 * number] for number in range(6)]
    assert session.runs == [2, 2, 2]


async def test_many_cheap_runs_let_others_have_the_loop_in_between(metrics):
    session = GatedSession()
    session.run = lambda feed: threading.Event().wait(0.003) or [feed["x"]]
    batcher = batcher_of(session, metrics, costs=[(1, 0.003)], is_batchable=False)
    turns = 0

    def turn():
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    turn()
    await asyncio.gather(*[ask(batcher, call(number)) for number in range(10)])
    assert turns > 4


# Faults.


async def test_a_fault_beside_the_loop_is_told_and_everybody_is_answered_once(metrics):
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    session = GatedSession()
    batcher = batcher_of(session, metrics)
    run, batcher._runner.__class__.run = batcher._runner.__class__.run, broken
    try:
        for costs in ([], [(1, CHEAP), (2, CHEAP)]):
            for size, seconds in costs:
                batcher._cost.learn(size, seconds)
            answered = await asyncio.gather(ask(batcher, call(1)), ask(batcher, call(2)))
            assert [each.refusal.kind for each in answered] == [Kind.FAULT, Kind.FAULT]
    finally:
        batcher._runner.__class__.run = run
    assert len(faults) == 2
    assert values(await ask(batcher, call(3))) == [6]


def broken(self, batch, *, gives_back=False):
    raise ZeroDivisionError


@pytest.mark.parametrize("costs", [[], [(1, CHEAP), (4, CHEAP)]], ids=["beside the loop", "on the loop"])
async def test_an_answer_that_fails_keeps_nobody_from_theirs(metrics, costs):
    faults = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    batcher = batcher_of(GatedSession(), metrics, costs=costs)
    batcher.submit(call(1), lambda _: 1 / 0)
    assert values(await ask(batcher, call(2))) == [4]
    assert values(await ask(batcher, call(3))) == [6]
    assert len(faults) == 1


async def test_an_observer_that_fails_leaves_the_queue_going(metrics):
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(1, DEAR)], observe=lambda *_: 1 / 0)
    session.gate.clear()
    first = ask(batcher, call(1))
    await a_run_of(session)
    second = ask(batcher, call(2))
    session.gate.set()
    assert [values(await each) for each in (first, second)] == [[2], [4]]


async def test_those_who_wait_too_long_in_two_runs_and_behind_them_are_told_once(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, timeout_seconds=0.1, max_rows=1, runs_at_a_time=2)
    session.gate.clear()
    asked = [ask(batcher, call(number)) for number in range(4)]
    await a_run_of(session)
    await a_run_of(session)
    told = await asyncio.gather(*asked)
    session.gate.set()
    assert values(await ask(batcher, call(7))) == [14]
    assert [each.refusal.kind for each in told] == [Kind.TIMED_OUT] * 4
    assert session.runs == [1, 1, 1]


# Fixed sizes.


@pytest.mark.parametrize(
    ("calls", "runs"),
    [
        ([1], [1]),
        ([2], [8]),
        ([1, 1, 1], [8]),
        ([8], [8]),
        ([3, 6], [32]),
        ([40], [32, 8]),
        ([70], [32, 32, 8]),
        ([30, 5], [32, 8]),
    ],
)
async def test_runs_have_the_preferred_sizes_alone_and_answers_are_the_callers_own(metrics, calls, runs):
    session, seen = GatedSession(), []
    batcher = batcher_of(session, metrics, sizes=(1, 8, 32), observe=lambda *run: seen.append(run))
    asked = [call(*range(10 * number, 10 * number + rows)) for number, rows in enumerate(calls)]
    answered = await asyncio.gather(*[ask(batcher, each) for each in asked])
    assert session.runs == runs
    for each, done in zip(asked, answered, strict=True):
        assert values(done) == (each.arrays[0].ravel() * 2).tolist()
    assert sum(len(arrays[0]) for arrays, _ in seen) == sum(len(outputs[0]) for _, outputs in seen) == sum(calls)


async def test_a_request_that_raises_among_others_fails_alone_and_in_a_preferred_size(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, sizes=(4, 8))
    answered = await asyncio.gather(*[ask(batcher, call(number)) for number in (1, 99, 3)])
    assert [each.refusal and each.refusal.kind for each in answered] == [None, Kind.INVALID_TENSOR, None]
    assert set(session.runs) == {4}


async def test_outputs_that_are_not_by_row_are_those_of_the_request_alone(metrics):
    session = GatedSession()
    session.run = lambda feed: [feed["x"].sum(keepdims=True)[:1, :1]]
    batcher = batcher_of(session, metrics, sizes=(4,))
    assert [values(await ask(batcher, call(1, 2, 3)))] == [[6]]


async def test_a_model_that_is_not_batchable_is_never_padded(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, sizes=(4, 8), is_batchable=False)
    await ask(batcher, call(1, 2, 3))
    assert session.runs == [3]


async def test_no_rows_at_all_are_answered_with_none(metrics):
    batcher = batcher_of(GatedSession(), metrics, sizes=(4, 8))
    assert values(await ask(batcher, call())) == []


# Warming up.


async def test_every_size_has_run_before_anybody_waits_and_a_cheap_model_is_known_to_be(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, sizes=(1, 4, 8))
    assert batcher.warm([{"x": np.array([[99]], np.float32)}, {"x": np.array([[1], [2]], np.float32)}]) == []
    assert set(session.runs) == {1, 2, 4, 8}
    await ask(batcher, call(1, 2, 3))
    assert session.threads[-1] == HERE()


async def test_sizes_that_do_not_run_are_told_and_left_out(metrics):
    session = GatedSession()
    original = session.run

    def run(feed):
        if len(feed["x"]) > 4:
            raise MemoryError("8 rows are too many for me")
        return original(feed)

    session.run = run
    batcher = batcher_of(session, metrics, sizes=(1, 4, 8, 16))
    (told,) = batcher.warm([{"x": np.zeros((1, 1), np.float32)}])
    assert "batches of 8 rows and more" in told
    assert "too many for me" in told
    session.runs.clear()
    answered = await asyncio.gather(*[ask(batcher, call(number)) for number in range(6)])
    assert [values(each) for each in answered] == [[2 * number] for number in range(6)]
    assert session.runs == [4, 4]


async def test_a_model_that_takes_no_input_that_was_tried_is_served_all_the_same(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics)
    assert batcher.warm([{"x": np.array([[99]], np.float32)}]) == []
    assert values(await ask(batcher, call(1))) == [2]


# Devices.


async def test_a_device_works_on_two_batches_while_the_loop_gathers_a_third(metrics):
    session = GatedSession()
    batcher = batcher_of(
        session, metrics, costs=[(1, CHEAP), (4, CHEAP)], sizes=(1, 2, 4), runs_at_a_time=2, is_on_device=True
    )
    session.gate.clear()
    first = [ask(batcher, call(number)) for number in range(4)]
    await a_run_of(session)
    second = [ask(batcher, call(number)) for number in range(4)]
    await a_run_of(session)
    third = [ask(batcher, call(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert session.runs == [4, 4]
    session.gate.set()
    assert [values(await each) for each in first + second + third] == [
        [2 * n] for n in (0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2)
    ]
    assert session.runs == [4, 4, 4]
    assert HERE() not in session.threads


async def test_a_second_run_that_is_small_had_better_grow_while_the_first_goes_on(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, sizes=(1, 2, 4, 8), runs_at_a_time=2, is_on_device=True)
    session.gate.clear()
    first = [ask(batcher, call(number)) for number in range(8)]
    await a_run_of(session)
    more = [ask(batcher, call(number)) for number in range(3)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert session.runs == [8]
    more.append(ask(batcher, call(3)))
    await a_run_of(session)
    session.gate.set()
    await asyncio.gather(*first, *more)
    assert session.runs == [8, 4]


@pytest.mark.slow
@pytest.mark.parametrize("clients", [1, 8, 64])
async def test_clients_of_a_device_never_see_a_shape_that_is_new(metrics, clients):
    session = DeviceSession()
    batcher = batcher_of(session, metrics, sizes=(1, 2, 4, 8, 16, 32), runs_at_a_time=2, is_on_device=True)
    await asyncio.to_thread(batcher.warm, [{"x": np.zeros((1, 1), np.float32)}])
    session.runs.clear()
    new = session.new

    async def client(number):
        for turn in range(12):
            assert values(await ask(batcher, call(number + turn))) == [2 * (number + turn)]

    await asyncio.gather(*[client(number) for number in range(clients)])
    assert session.new == new == 6
    assert metrics.batch_size.sum == 12 * clients
    assert len(session.runs) <= 2.5 * 12 * max(1, clients / 32)


# A window.


async def test_a_window_ends_when_the_batch_is_full(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(2, CHEAP)], max_rows=2, window_seconds=1000)
    asked = [ask(batcher, call(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert session.runs == []
    asked.append(ask(batcher, call(2)))
    assert [values(each) for each in await asyncio.gather(*asked)] == [[2], [4]]
    assert session.runs == [2]
    batcher._window_end.cancel()


async def test_a_lone_request_waits_no_longer_than_the_window(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(1, CHEAP)], window_seconds=0.02)
    started = asyncio.get_running_loop().time()
    assert values(await ask(batcher, call(1))) == [2]
    assert asyncio.get_running_loop().time() - started >= 0.015


async def test_a_request_that_cannot_grow_waits_for_no_window(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, window_seconds=1000, is_batchable=False)
    assert values(await ask(batcher, call(1))) == [2]


# Memory.


async def test_memory_is_given_back_once_when_a_large_run_is_long_past(metrics):
    session = GatedSession()
    batcher = batcher_of(session, metrics, costs=[(1, CHEAP)], max_rows=1000)
    batcher._high_water.ran(600, 1.0)
    for _ in range(40):
        await ask(batcher, call(1))
    assert session.gave_back == [1]


async def test_questions_of_another_version_share_runs_and_are_shown_to_nobody(metrics):
    shown = []
    batcher = batcher_of(GatedSession(), metrics, observe=lambda inputs, outputs: shown.append((inputs, outputs)))
    calls = [call(1), call(2), call(3)]
    calls[1].control = "question"
    answered = await asyncio.gather(*(ask(batcher, each) for each in calls))
    assert [values(each) for each in answered] == [[2], [4], [6]]
    alone = call(4)
    alone.control = "question"
    assert values(await ask(batcher, alone)) == [8]
    assert [inputs[0].ravel().tolist() for inputs, _ in shown] == [[1], [3]]
    assert [outputs[0].ravel().tolist() for _, outputs in shown] == [[2], [6]]
