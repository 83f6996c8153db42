"""Workers reconcile what is due; nothing that goes wrong with one key stops the others."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from serin_operator.cluster.errors import Blind, Conflict, Forbidden, NotLeading, Transient
from serin_operator.cluster.store import Key
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.schedule import Backoff, Schedule
from serin_operator.runtime.workers import Workers, WorkQueue

A, B = Key("ns", "a"), Key("ns", "b")


class Reconciler:
    """Does for each key what the test put there, in turn, and says when it was asked."""

    def __init__(self, **plans):
        self.plans = {name: list(plan) for name, plan in plans.items()}
        self.seen = []
        self.running = 0
        self.most_at_once = 0
        self.all_done = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def reconcile(self, namespace, name):
        self.seen.append(name)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        step = self.plans[name].pop(0) if self.plans.get(name) else None
        if not any(self.plans.values()):
            self.all_done.set()
        if isinstance(step, Exception):
            raise step
        return step


@pytest.fixture
def metrics():
    return OperatorMetrics(CollectorRegistry())


async def run_until_done(reconciler, metrics, *keys, count=2, **more):
    queue = WorkQueue(Schedule(Backoff(first_seconds=0.001, floor_seconds=0.001)))
    workers = Workers(queue, reconciler, metrics, count=count, **more)
    workers.start()
    for key in keys:
        queue.add(key)
    async with asyncio.timeout(5):
        await reconciler.all_done.wait()
    await workers.stop(5.0)
    return queue


def results(metrics):
    samples = next(iter(metrics.reconciles.collect())).samples
    return {s.labels["result"]: s.value for s in samples if s.name.endswith("_total")}


async def test_a_key_is_reconciled_and_comes_back_when_the_reconciler_says_so(metrics):
    reconciler = Reconciler(a=[0.001, 0.001, None])
    await run_until_done(reconciler, metrics, A)
    assert reconciler.seen == ["a", "a", "a"]
    assert results(metrics) == {"success": 3.0}


async def test_every_kind_of_failure_is_tried_again_and_counted_as_what_it_is(metrics):
    failures = [Transient("t"), Conflict("c"), NotLeading("n"), Forbidden("f"), RuntimeError("bug"), None]
    await run_until_done(Reconciler(a=failures), metrics, A)
    once = ("transient", "conflict", "not-leading", "refused", "error", "success")
    assert results(metrics) == dict.fromkeys(once, 1.0)


async def test_what_cannot_be_seen_is_left_alone_until_it_is_queued_again(metrics):
    reconciler = Reconciler(a=[Blind("pods in ns: forbidden")])
    queue = await run_until_done(reconciler, metrics, A)
    assert results(metrics) == {"blind": 1.0}
    assert A not in queue._schedule


def a_queue_of(*keys):
    clock = [0.0]
    queue = WorkQueue(monotonic=lambda: clock[0])
    for key in keys:
        queue.add(key)
    return queue, clock


async def test_a_long_queue_that_gets_shorter_is_not_stuck():
    queue, clock = a_queue_of(*(Key("ns", f"m{number}") for number in range(100)))
    for second in range(10, 1000, 10):
        clock[0] = second
        queue.done(await queue.take(), None)
        clock[0] += 9
        assert queue.stuck_seconds == 9.0
    assert queue.oldest_wait_seconds > 900.0


async def test_a_queue_of_which_nothing_is_finished_is_stuck():
    queue, clock = a_queue_of(A, B)
    await queue.take()
    clock[0] = 200.0
    assert queue.stuck_seconds == 200.0


async def test_a_queue_that_was_empty_for_long_is_not_stuck():
    queue, clock = a_queue_of()
    clock[0] = 5000.0
    queue.add(A)
    assert queue.stuck_seconds == 0.0


async def test_a_bug_with_one_key_does_not_stop_the_others(metrics):
    reconciler = Reconciler(a=[RuntimeError("bug"), None], b=[None])
    await run_until_done(reconciler, metrics, A, B, count=1)
    assert "b" in reconciler.seen


async def test_no_more_than_so_many_at_a_time(metrics):
    keys = [Key("ns", f"k{n}") for n in range(10)]
    reconciler = Reconciler(**{key.name: [None] for key in keys})
    await run_until_done(reconciler, metrics, *keys, count=3)
    assert len(reconciler.seen) == 10
    assert reconciler.most_at_once <= 3


async def test_stopping_lets_what_runs_end_and_starts_nothing_more(metrics):
    reconciler = Reconciler(a=[None], b=[None])
    reconciler.gate.clear()
    queue = WorkQueue()
    workers = Workers(queue, reconciler, metrics, count=1)
    workers.start()
    queue.add(A)
    queue.add(B)
    async with asyncio.timeout(5):
        while not reconciler.running:  # noqa: ASYNC110 - the worker has no event for having begun
            await asyncio.sleep(0)
    stopping = asyncio.create_task(workers.stop(5.0))
    await asyncio.sleep(0)
    reconciler.gate.set()
    await stopping
    assert reconciler.seen == ["a"]
    assert results(metrics) == {"success": 1.0}


async def test_stopping_cuts_off_what_does_not_end_in_time(metrics):
    reconciler = Reconciler(a=[None])
    reconciler.gate.clear()
    queue = WorkQueue()
    workers = Workers(queue, reconciler, metrics, count=1)
    workers.start()
    queue.add(A)
    async with asyncio.timeout(5):
        while not reconciler.running:  # noqa: ASYNC110 - the worker has no event for having begun
            await asyncio.sleep(0)
        await workers.stop(0.01)
    assert reconciler.running == 0
