"""Looks are taken beside the workers: few at a time, each with a deadline, and a silent Prometheus is left alone."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import orjson
import pytest
from prometheus_client import CollectorRegistry
from tests.support.simulation import ANALYSIS, Simulation, spec

from serin_operator.api import spec as api
from serin_operator.cluster.store import Key
from serin_operator.decide.analysis import QueryFailed
from serin_operator.decide.looks import Look
from serin_operator.decide.world import OperatorConfig
from serin_operator.observe.booking import Booked
from serin_operator.observe.desk import LookDesk
from serin_operator.observe.prometheus_client import (
    PrometheusAccess,
    PrometheusClient,
    PrometheusError,
    PrometheusTimeout,
)
from serin_operator.reconcile import Ports, Reconciler
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.workers import Workers, WorkQueue

START = datetime(2026, 1, 1, tzinfo=UTC)
ONE = api.Analysis.model_validate({"intervalSeconds": 30, "metrics": [{"name": "errors", "errorRate": {}}]})
A, B = ("ns", "a"), ("ns", "b")


def a_look(key=A, *, start=START, end=START + timedelta(seconds=30), **more):
    base = Look(key[0], key[1], "stable", "canary", start, end, canary_since=START)
    return replace(base, **more)


class Prometheus:
    """Answers when the test says so."""

    def __init__(self):
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0
        self.error = None
        self.gate = asyncio.Event()

    async def query(self, _promql, _at):
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.error is not None:
            raise self.error
        return []


HUNG_SECONDS = 60.0
"""Only for what never comes: a machine under load may take seconds to write the trace of a bug."""


class Room:
    """A desk, its Prometheus, a clock, and who was told."""

    def __init__(self, **more):
        self.now = 0.0
        self.done = []
        self.prometheus = Prometheus()
        self.told = asyncio.Event()
        settings = {"deadline_seconds": 60.0, "monotonic": lambda: self.now} | more
        self.desk = LookDesk(self.prometheus, "http://prometheus:9090", on_done=self.note, **settings)

    def note(self, key):
        self.done.append(key)
        self.told.set()

    async def ask(self, key=A, look=None, analysis=ONE):
        return await self.desk.result(key, look or a_look(key), analysis, 1.0, START + timedelta(seconds=40))

    async def until_done(self, count):
        async with asyncio.timeout(HUNG_SECONDS):
            while len(self.done) < count:
                self.told.clear()
                await self.told.wait()

    async def until_asked(self, count):
        async with asyncio.timeout(HUNG_SECONDS):
            while self.prometheus.asked < count:  # noqa: ASYNC110 - a turn of the loop or two
                await asyncio.sleep(0)

    async def answer(self, key=A, error=None):
        """Ask, let Prometheus answer, and pick the result up."""
        self.prometheus.error = error
        self.prometheus.gate.set()
        before = len(self.done)
        assert await self.ask(key) is None
        await self.until_done(before + 1)
        return await self.ask(key)


@pytest.fixture
async def room():
    room = Room()
    yield room
    await room.desk.close()


async def test_a_look_is_begun_at_once_and_picked_up_when_its_key_was_queued(room):
    assert await room.ask() is None
    assert await room.ask() is None
    room.prometheus.gate.set()
    await room.until_done(1)
    result = await room.ask()
    assert result.look == a_look()
    assert (room.done, room.prometheus.asked) == ([A], 1)


async def test_a_result_is_handed_out_once(room):
    assert await room.answer() is not None
    assert await room.ask() is None


@pytest.mark.parametrize(
    ("later", "serves"),
    [
        pytest.param({"end": START + timedelta(seconds=41)}, True, id="the same look, a little later"),
        pytest.param(
            {"end": START + timedelta(seconds=61)}, True, id="later than an interval: the rest is the next look"
        ),
        pytest.param({"end": START + timedelta(seconds=20)}, False, id="an earlier end, after a step of the clock"),
        pytest.param({"start": START + timedelta(seconds=1)}, False, id="a look that was begun anew"),
        pytest.param({"canary": "another"}, False, id="another canary"),
        pytest.param({"stable": "another"}, False, id="another stable version"),
    ],
)
async def test_a_result_counts_for_the_look_that_it_was_taken_for(room, later, serves):
    room.prometheus.gate.set()
    await room.ask()
    await room.until_done(1)
    assert (await room.ask(look=a_look(**later)) is not None) == serves


async def test_an_analysis_that_was_edited_meanwhile_is_asked_anew(room):
    room.prometheus.gate.set()
    await room.ask()
    await room.until_done(1)
    edited = ONE.model_copy(update={"metrics": [*ONE.metrics, api.Metric(name="accuracy", accuracy={})]})
    assert await room.ask(analysis=edited) is None
    await room.until_done(2)
    assert set((await room.ask(analysis=edited)).samples) == {"errors", "accuracy"}


async def test_few_looks_are_under_way_at_a_time_and_each_has_its_turn(room):
    keys = [("ns", f"m{number}") for number in range(20)]
    for key in keys:
        await room.ask(key)
    await room.until_asked(4)
    room.prometheus.gate.set()
    await room.until_done(20)
    assert room.prometheus.most_at_once == 4
    assert room.done == keys


async def test_a_look_has_one_deadline_for_all_of_its_queries():
    room = Room(deadline_seconds=0.02)
    assert await room.ask() is None
    await room.until_done(1)
    (sample,) = (await room.ask()).samples.values()
    assert sample == QueryFailed("Prometheus at http://prometheus:9090 did not answer all queries within 0.02 s")


async def test_three_time_outs_in_a_row_are_enough(room):
    for _ in range(3):
        result = await room.answer(error=PrometheusTimeout("too late"))
        assert result.samples["errors"] == QueryFailed("too late")
    assert room.desk.is_paused
    asked = room.prometheus.asked
    result = await room.ask(B)
    assert room.prometheus.asked == asked
    assert "Prometheus at http://prometheus:9090 has not answered since 2" in result.samples["errors"].why
    assert "tried again every 30 s" in result.samples["errors"].why


async def test_who_waits_when_it_becomes_clear_is_told_at_once():
    room = Room(deadline_seconds=0.02)
    keys = [("ns", f"m{number}") for number in range(50)]
    for key in keys:
        await room.ask(key)
    await room.until_done(50)
    assert sorted(room.done) == sorted(keys)
    # Four at once; before the third of them is late, two more may have begun.
    assert 4 <= room.prometheus.asked <= 6
    assert isinstance((await room.ask(keys[49])).samples["errors"], QueryFailed)


async def test_an_answer_in_between_is_not_a_row(room):
    for error in (PrometheusTimeout("late"), PrometheusTimeout("late"), None, PrometheusTimeout("late")):
        await room.answer(error=error)
    assert not room.desk.is_paused


async def test_a_prometheus_that_refuses_is_asked_on(room):
    for _ in range(5):
        result = await room.answer(error=PrometheusError("HTTP 401"))
        assert result.samples["errors"] == QueryFailed("HTTP 401")
    assert not room.desk.is_paused


async def test_after_half_a_minute_one_look_tries_again(room):
    for _ in range(3):
        await room.answer(error=PrometheusTimeout("late"))
    room.now = 31.0
    room.prometheus.gate.clear()
    asked = room.prometheus.asked
    assert await room.ask(A) is None
    assert await room.ask(B) is not None  # the others do not wait for the trial
    await room.until_asked(asked + 1)
    room.prometheus.error = None
    room.prometheus.gate.set()
    await room.until_done(4)
    assert not room.desk.is_paused
    assert await room.answer(B) is not None


async def test_a_trial_that_fails_leaves_it_alone_for_another_half_minute(room):
    for _ in range(3):
        await room.answer(error=PrometheusTimeout("late"))
    room.now = 31.0
    await room.answer(error=PrometheusTimeout("late"))
    room.now = 60.0
    assert await room.ask(B) is not None
    room.now = 62.0
    assert await room.ask(B) is None


def booked(key=A, seconds=30.0, **more):
    look = a_look(key, **more)
    return Booked(look, ONE, 1.0, look.end + timedelta(seconds=2), seconds)


async def test_a_booked_look_is_taken_in_its_time_and_its_key_queued_when_it_has_been(room):
    assert room.desk.book(A, booked(seconds=0.01))
    assert room.prometheus.asked == 0
    room.prometheus.gate.set()
    await room.until_done(1)
    assert (await room.ask()).look == a_look()
    assert (room.done, room.prometheus.asked) == ([A], 1)


async def test_looks_that_were_booked_have_their_turns_in_the_order_in_which_they_are_due(room):
    keys = [("ns", f"m{number}") for number in range(12)]
    for place, key in reversed([*enumerate(keys)]):
        room.desk.book(key, booked(key, 0.001 * place))
    await room.until_asked(4)
    room.prometheus.gate.set()
    await room.until_done(12)
    assert room.done == keys
    assert room.prometheus.most_at_once == 4


@pytest.mark.parametrize("instead", [None, booked(seconds=30.0)], ids=["nothing", "a later one"])
async def test_what_was_booked_is_given_up_for_what_comes_instead(room, instead):
    room.prometheus.gate.set()
    room.desk.book(A, booked(seconds=0.01))
    assert room.desk.book(A, instead) == (instead is not None)
    room.desk.book(B, booked(B, 0.02))
    await room.until_done(1)
    assert room.done == [B]


async def test_a_look_that_is_asked_for_before_its_time_is_not_taken_twice(room):
    room.prometheus.gate.set()
    room.desk.book(A, booked(seconds=0.01))
    await room.ask()
    await room.until_done(1)
    assert await room.ask() is not None
    room.desk.book(B, booked(B, 0.02))
    await room.until_done(2)
    assert room.done == [A, B]


async def test_a_booked_look_that_a_change_has_closed_meanwhile_is_asked_anew(room):
    room.prometheus.gate.set()
    room.desk.book(A, booked(seconds=0.0))
    await room.until_done(1)
    assert await room.ask(look=a_look(end=START + timedelta(seconds=20))) is None
    await room.until_done(2)
    assert (await room.ask(look=a_look(end=START + timedelta(seconds=20)))).look.end == START + timedelta(seconds=20)


async def test_who_has_booked_is_told_at_once_that_prometheus_is_left_alone(room):
    for _ in range(3):
        await room.answer(error=PrometheusTimeout("late"))
    asked = room.prometheus.asked
    room.desk.book(B, booked(B, 0.0))
    await room.until_done(4)
    assert room.prometheus.asked == asked
    assert isinstance((await room.ask(B)).samples["errors"], QueryFailed)


async def test_a_bug_in_one_look_neither_ends_the_others_nor_is_waited_for(room):
    result = await room.answer(error=ZeroDivisionError("bug"))
    assert result.samples["errors"] == QueryFailed("the look failed: ZeroDivisionError")
    assert await room.answer(B) is not None


async def test_nothing_is_kept_of_what_is_gone(room):
    await room.ask(A)
    room.desk.forget(A)
    await room.answer(B)
    room.prometheus.gate.clear()
    await room.ask(A)
    await asyncio.sleep(0)
    room.desk.forget(A)
    room.desk.book(A, booked())
    room.desk.forget(A)
    room.desk.book(B, booked(B))
    await room.desk.close()
    assert (room.desk._waiting, room.desk._running, room.desk._finished, room.desk._booked) == ({}, {}, {}, {})


async def test_what_was_booked_while_its_model_deployment_was_deleted_is_given_up_by_the_last_reconcile(room):
    simulation, config = Simulation(), OperatorConfig(serving_image="x")
    ports = Ports(simulation.api, simulation.api, None, lambda: simulation.now, config, desk=room.desk)
    room.desk.forget(A)  # as soon as the watch tells, in the middle of a reconcile
    room.desk.book(A, booked(seconds=0.01))
    await Reconciler(ports).reconcile(*A)
    room.prometheus.gate.set()
    room.desk.book(B, booked(B, 0.02))
    await room.until_done(1)
    assert room.done == [B]


# ---- with everything around it, and a server that takes connections and never answers --------------------------------


@pytest.fixture
async def black_hole():
    over = asyncio.Event()

    async def hold(_reader, writer):
        await over.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    over.set()
    server.close()


async def in_a_step(count):
    """Rollouts that wait for a look; one is played, the others are its likes."""
    first = Simulation(name="the-first")
    first.kubectl_apply(spec("v1", analysis=ANALYSIS))
    await first.run_until(lambda s: s.status.get("stable"))
    first.kubectl_apply(spec("v2", analysis=ANALYSIS))
    await first.run_until(lambda s: (s.status.get("canary") or {}).get("step") is not None)
    first.now += timedelta(seconds=60)
    likes = []
    for number in range(count):
        like = Simulation(name=f"m{number}", now=first.now)
        for ref, obj in first.objects.items():
            renamed = replace(ref, name=ref.name.replace(first.name, like.name))
            like.objects[renamed] = orjson.loads(orjson.dumps(obj).replace(b"the-first", like.name.encode()))
        likes.append(like)
    return likes


HANGING_SECONDS = 10.0


class Replica:
    """A hundred rollouts with a look due, their real reconcilers, one queue, one desk."""

    def __init__(self, simulations, url, session):
        self.simulations = simulations
        self.queue = WorkQueue()
        client = PrometheusClient(PrometheusAccess(url, timeout_seconds=HANGING_SECONDS), session)
        self.desk = LookDesk(
            client, url, deadline_seconds=HANGING_SECONDS, on_done=lambda key: self.queue.add(Key(*key))
        )
        self.reconcilers = {}
        self.seen = set()
        for name, simulation in simulations.items():
            config = OperatorConfig(serving_image="x", prometheus_configured=True, scrape_interval_seconds=1.0)
            ports = Ports(simulation.api, simulation.api, None, lambda one=simulation: one.now, config, desk=self.desk)
            self.reconcilers[name] = Reconciler(ports)

    async def reconcile(self, namespace, name):
        self.seen.add(name)
        return await self.reconcilers[name].reconcile(namespace, name)


@pytest.mark.slow
async def test_a_prometheus_that_never_answers_keeps_no_worker_and_an_abort_waits_for_nobody(black_hole):
    simulations = {f"m{number}": one for number, one in enumerate(await in_a_step(100))}
    async with aiohttp.ClientSession() as session:
        replica = Replica(simulations, black_hole, session)
        workers = Workers(replica.queue, replica, OperatorMetrics(CollectorRegistry()), count=2)
        workers.start()
        namespace = next(iter(simulations["m0"].objects)).namespace
        for name in simulations:
            replica.queue.add(Key(namespace, name))
        last = simulations["m99"]
        last.kubectl_apply(spec("v2", analysis=ANALYSIS), annotations={"serin.dev/action": "abort@1"})
        # Two workers that waited would come to the last of them after 100 looks x 10 s / 2 = 500 s.
        async with asyncio.timeout(60):
            while last.status.get("canary"):  # noqa: ASYNC110 - a simulation has no events
                await asyncio.sleep(0.01)
        assert replica.seen == set(simulations)
        await workers.stop(30.0)
        await replica.desk.close()
