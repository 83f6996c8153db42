"""Each watch by itself: begun again with patience, proven by our own changes, and never in the way of another."""

import asyncio
from dataclasses import replace

import pytest

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.errors import Expired, Forbidden, NotFound, Transient
from serin_operator.cluster.resources import (
    DEPLOYMENTS,
    HTTP_ROUTES,
    MODEL_DEPLOYMENTS,
    NETWORK_POLICIES,
    PODS,
    Scope,
    scopes_if_there,
    scopes_of,
)
from serin_operator.runtime.watch import Clock
from serin_operator.runtime.watches import Nobody, Watches

ALL = (*scopes_of(("a", "b")), *scopes_if_there(("a", "b")))
SCOPES = {(scope.resource, scope.namespace): scope for scope in ALL}
PODS_A, PODS_B = SCOPES[PODS, "a"], SCOPES[PODS, "b"]
ROUTES_A = SCOPES[HTTP_ROUTES, "a"]


def an_event(version, kind="MODIFIED"):
    return f'{{"type":"{kind}","object":{{"metadata":{{"name":"p","resourceVersion":"{version}"}}}}}}\n'.encode()


class FakeClient:
    """A stream for each scope that the test speaks through; listings find nothing."""

    def __init__(self):
        self.refused = {}
        self.streams = {}
        self.since = {}
        self.listings = []
        self.listed_at = "10"

    async def each(self, scope, _take):
        self.listings.append(scope)
        if scope in self.refused:
            raise self.refused[scope]
        return self.listed_at

    async def stream(self, path, _what, params):
        scope = next(s for s in SCOPES.values() if s.resource.path(s.namespace) == path)
        self.since.setdefault(scope, []).append(params["resourceVersion"])
        stream = self.streams[scope] = asyncio.Queue()
        if scope in self.refused:
            raise self.refused[scope]
        yield b""
        while (chunk := await stream.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


class World:
    """Watches, and a clock that only the test moves: whoever sleeps has slept at once, but says for how long."""

    def __init__(self):
        self.now = 0.0
        self.pauses = []
        self.gate = asyncio.Event()
        self.sights = []
        self.client = FakeClient()
        clock = Clock(lambda: self.now, self.sleep)
        self.watches = Watches(self.client, ("a", "b"), Nobody(), on_sight=self.sights.append, clock=clock)

    async def sleep(self, seconds):
        if seconds == 5.0:  # the one who looks after them
            await asyncio.Event().wait()
        self.pauses.append(seconds)
        self.gate.clear()
        await self.gate.wait()

    async def until(self, probe):
        async with asyncio.timeout(5):
            while not probe():  # noqa: ASYNC110 - a few turns of the loop
                await asyncio.sleep(0)

    async def retry(self):
        """Let whoever is patient try again, and wait until that is over."""
        before = len(self.pauses)
        self.gate.set()
        await self.until(lambda: len(self.pauses) > before)

    async def say(self, scope, *chunks):
        for chunk in chunks:
            self.client.streams[scope].put_nowait(chunk)
        await self.until(self.client.streams[scope].empty)
        for _ in range(5):
            await asyncio.sleep(0)

    def watch(self, scope):
        return self.watches._watches[scope]


@pytest.fixture
async def world():
    world = World()
    task = None

    async def begin():
        nonlocal task
        task = asyncio.create_task(world.watches.run())
        up = [scope for scope in SCOPES.values() if scope not in world.client.refused]
        await world.until(lambda: all(world.watches.is_open(scope) for scope in up))
        return world

    world.begin = begin
    yield world
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "error",
    [
        Forbidden("pods is forbidden"),
        NotFound("no such kind"),
        Transient("HTTP 500"),
        Expired("too old"),
        KeyError("bug"),
    ],
    ids=["403", "404", "500", "410", "a bug"],
)
async def test_a_watch_that_is_refused_is_begun_again_alone(world, error):
    world.client.refused[PODS_A] = error
    await world.begin()
    assert world.sights == ["b"]
    assert world.watches.blind_spot("a") is not None
    assert world.watches.blind_spot("b") is None
    others = [scope for scope in SCOPES.values() if scope != PODS_A]
    assert all(world.watches.is_open(scope) for scope in others)
    assert all(world.client.listings.count(scope) == 1 for scope in others)
    del world.client.refused[PODS_A]
    world.gate.set()
    await world.until(lambda: world.sights == ["b", "a"])
    assert world.watches.refusals() == []


async def test_patience_grows_up_to_half_a_minute_and_begins_anew_after_news(world):
    world.client.refused[PODS_A] = Forbidden("no")
    await world.begin()
    await world.until(lambda: world.pauses)
    for _ in range(9):
        await world.retry()
    assert [
        0.75 * full <= pause <= full
        for full, pause in zip((0.5, 1, 2, 4, 8, 16, 30, 30, 30), world.pauses, strict=False)
    ]
    assert 22.5 <= world.pauses[-1] <= 30.0
    assert world.watches.refusals() == ["no"]
    del world.client.refused[PODS_A]
    world.gate.set()
    await world.until(lambda: world.watches.is_open(PODS_A))
    await world.say(PODS_A, an_event(11))
    await world.say(PODS_A, Transient("gone again"))
    await world.until(lambda: not world.watches.is_open(PODS_A))
    assert world.pauses[-1] <= 0.5


async def test_an_api_server_that_is_away_is_asked_for_more_often(world):
    world.client.refused[PODS_A] = Transient("connection refused")
    await world.begin()
    await world.until(lambda: world.pauses)
    for _ in range(9):
        await world.retry()
    assert 7.5 <= world.pauses[-1] <= 10.0


async def test_a_stream_that_breaks_goes_on_where_it_was(world):
    await world.begin()
    await world.say(PODS_A, an_event(17), an_event(18, "BOOKMARK"), Transient("reset"))
    world.gate.set()
    await world.until(lambda: len(world.client.since[PODS_A]) == 2)
    assert world.client.since[PODS_A] == ["10", "18"]
    assert world.client.listings.count(PODS_A) == 1


async def test_a_version_that_is_too_old_is_listed_anew_at_once(world):
    await world.begin()
    world.now = 60.0
    gone = b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n'
    await world.say(PODS_A, gone)
    await world.until(lambda: world.client.listings.count(PODS_A) == 2)
    assert world.pauses == []


async def test_an_error_in_the_stream_is_this_watch_s_own_affair(world):
    await world.begin()
    world.now = 60.0
    await world.say(PODS_A, b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd is ill"}}\n')
    await world.until(world.watches.refusals)
    assert "etcd is ill" in world.watches.refusals()[0]
    assert sum(not world.watches.is_open(scope) for scope in SCOPES.values()) == 1


async def test_streams_that_end_at_once_are_not_begun_again_in_a_hot_loop(world):
    await world.begin()
    await world.say(PODS_A, None)
    await world.until(lambda: world.pauses)
    assert "ended at once" in world.watches.refusals()[0]


async def test_events_arrive_whole_however_the_stream_is_cut(world):
    await world.begin()
    text = an_event(11) + an_event(12) + b"\n" + an_event(13)
    await world.say(PODS_A, *(text[at : at + 7] for at in range(0, len(text), 7)))
    assert world.watch(PODS_A)._since == "13"


async def test_one_object_that_cannot_be_taken_in_keeps_none_from_following(world):
    await world.begin()
    taken = []

    def take(event_type, obj):
        taken.append(obj["metadata"]["resourceVersion"])
        if len(taken) == 1:
            raise KeyError("bug")

    world.watch(PODS_A)._sink = replace_take(take)
    await world.say(PODS_A, an_event(11), an_event(12))
    assert taken == ["11", "12"]
    assert world.watches.is_open(PODS_A)


def replace_take(take):
    sink = Nobody()
    sink.take = take
    return sink


async def test_a_namespace_is_blind_when_a_watch_has_been_broken_for_a_minute(world):
    await world.begin()
    assert world.sights == ["a", "b"]
    world.client.refused[PODS_A] = Forbidden("pods is forbidden")
    await world.say(PODS_A, Forbidden("pods is forbidden"))
    await world.until(lambda: world.pauses)
    assert world.watches.blind_spot("a") is None
    world.now += 61.0
    assert world.watches.blind_spot("a") == "pods is forbidden"
    assert world.watches.blind_spot("b") is None
    assert world.watches.dead() is None
    del world.client.refused[PODS_A]
    world.gate.set()
    await world.until(lambda: world.sights == ["a", "b", "a"])


def the_pod(version):
    return ObjectRef("v1", "Pod", "a", "p"), str(version)


async def test_a_change_of_our_own_that_is_heard_of_is_proof(world):
    await world.begin()
    world.watches.expect(*the_pod(20))
    world.now = 20.0
    assert world.watch(PODS_A).overdue_seconds == 20.0
    assert world.watch(PODS_B).overdue_seconds == 0.0
    await world.say(PODS_A, an_event(20))
    assert world.watch(PODS_A).overdue_seconds == 0.0


async def test_a_bookmark_beyond_our_change_is_proof_too(world):
    await world.begin()
    world.watches.expect(*the_pod(20))
    await world.say(PODS_A, an_event(25, "BOOKMARK"))
    world.now = 100.0
    assert world.watch(PODS_A).overdue_seconds == 0.0


async def test_a_watch_that_does_not_tell_our_changes_is_begun_again_and_a_zombie_is_dead(world):
    await world.begin()
    for round_ in range(1, 4):
        assert world.watches.dead() is None
        version = 100 * round_
        world.watches.expect(*the_pod(version))
        world.client.listed_at = str(version)  # listing works, streaming does not
        world.now += 46.0
        world.watches.look_after()
        await world.until(lambda: world.client.listings.count(PODS_A) == round_ + 1)  # noqa: B023 - within the round
        await world.until(lambda: world.watches.is_open(PODS_A))
    assert "begun again 3 times" in world.watches.dead()
    assert all(world.client.listings.count(scope) == 1 for scope in SCOPES.values() if scope != PODS_A)
    await world.say(PODS_A, an_event(500))
    assert world.watches.dead() is None


async def test_what_is_refused_is_not_dead_and_a_restart_would_not_help_it(world):
    world.client.refused[PODS_A] = Forbidden("no")
    await world.begin()
    world.watches.expect(*the_pod(20))
    for _ in range(20):
        world.now += 30.0
        await world.retry()
        world.watches.look_after()
        for scope in SCOPES.values():
            if scope != PODS_A:
                await world.say(scope, an_event(30, "BOOKMARK"))
        assert world.watches.dead() is None


async def test_a_watch_of_which_nothing_is_heard_at_all_is_dead(world):
    await world.begin()
    world.now = 301.0
    assert "not even a bookmark" in world.watches.dead()


async def test_a_watch_whose_task_has_ended_is_dead(world):
    await world.begin()
    world.watches._tasks[PODS_A].cancel()
    await world.until(world.watches._tasks[PODS_A].done)
    assert world.watches.dead() == "pods in a: its task has ended"


async def test_a_watch_that_does_not_end_is_left_behind(world):
    await world.begin()
    stubborn, told = asyncio.Event(), []

    async def never_ends():
        while not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                told.append("cancelled")

    old = world.watches._tasks[PODS_A] = asyncio.create_task(never_ends())
    await asyncio.sleep(0)
    world.watches.restart(PODS_A)
    await world.until(lambda: world.watches.is_open(PODS_A) and told)
    assert not old.done()
    assert world.watches.dead() is None
    stubborn.set()


def test_what_a_watch_covers_reads_like_a_sentence():
    assert str(PODS_A) == "pods in a"
    assert str(replace(PODS_A, namespace=None)) == "pods"
    assert {scope.resource for scope in scopes_of(())} >= {MODEL_DEPLOYMENTS, DEPLOYMENTS}


async def test_a_kind_that_the_cluster_need_not_know_is_looked_for_without_a_word(world):
    world.client.refused[ROUTES_A] = NotFound("the server could not find the requested resource")
    await world.begin()
    assert set(world.sights) == {"a", "b"}
    assert world.watches.sight_of_routes("a").is_known is False
    assert world.watches.refusals() == []
    assert world.watches.is_well(ROUTES_A)
    assert not world.watches.is_open(ROUTES_A)
    del world.client.refused[ROUTES_A]
    world.gate.set()
    await world.until(lambda: world.watches.is_open(ROUTES_A))
    assert world.watches.sight_of_routes("a").is_known
    world.client.refused[ROUTES_A] = NotFound("the server could not find the requested resource")
    await world.client.streams[ROUTES_A].put(NotFound("gone"))
    await world.until(lambda: world.watch(ROUTES_A).is_absent)
    assert world.watches.refusals() == []


async def test_routes_that_may_not_be_seen_are_no_reason_to_leave_everything_else(world):
    world.client.refused[ROUTES_A] = Forbidden("httproutes is forbidden")
    await world.begin()
    assert set(world.sights) == {"a", "b"}
    await world.until(lambda: world.watches.sight_of_routes("a").problem is not None)
    assert "httproutes is forbidden" in world.watches.sight_of_routes("a").problem
    assert world.watches.refusals() == ["httproutes is forbidden"]


async def test_a_listing_of_routes_that_fails_is_an_outage_and_no_right_that_is_missing(world):
    world.client.refused[ROUTES_A] = Transient("list httproutes in a: conversion webhook failed (HTTP 500)")
    await world.begin()
    await world.until(lambda: world.watches.sight_of_routes("a").problem is not None)
    assert world.watches.sight_of_routes("a").is_outage
    world.client.refused[ROUTES_A] = Forbidden("httproutes is forbidden")
    world.gate.set()
    await world.until(lambda: "forbidden" in (world.watches.sight_of_routes("a").problem or ""))
    assert not world.watches.sight_of_routes("a").is_outage


def test_a_kind_that_an_installation_makes_is_watched_there_alone_and_no_namespace_waits_for_it():
    policies = Scope(NETWORK_POLICIES, "a", LABEL_MODEL_DEPLOYMENT)
    asked = Watches(FakeClient(), ("a",), Nobody(), asked=(NETWORK_POLICIES,))
    assert policies in asked.scopes
    assert policies not in Watches(FakeClient(), ("a",), Nobody()).scopes
    assert policies not in [scope for scope, _ in asked._covering("a")]
