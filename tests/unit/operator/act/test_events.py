"""What happened once is told once and counted once, whatever is lost on the way."""

from datetime import UTC, datetime, timedelta

import pytest

from serin_operator.act.events import EventRecorder
from serin_operator.act.kubernetes import KubernetesWriter
from serin_operator.cluster.errors import AlreadyExists, Forbidden, Invalid, NotFound, Transient
from serin_operator.cluster.store import Store

CREDIT = {
    "apiVersion": "serin.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"namespace": "scoring", "name": "credit", "uid": "u1"},
}


class EventsApi:
    """Keeps Events by name; ``fails`` before, ``loses`` the answer after."""

    def __init__(self):
        self.stored = {}
        self.patched = []
        self.fails = None
        self.loses = None

    async def call(self, method, path, *, what, params=None, body=None, content_type=""):
        if self.fails:
            raise self.fails
        if method == "PATCH":
            self.patched.append(body)
            return {}
        name = body["metadata"]["name"]
        if name in self.stored:
            raise AlreadyExists(what)
        self.stored[name] = body
        if self.loses:
            raise self.loses
        return body


class Clock:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def api():
    return EventsApi()


@pytest.fixture
def counted():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(api, counted, clock):
    """A process begins: its recorder remembers nothing."""
    return lambda: EventRecorder(api, now=clock, on_event=counted.append)


async def tell(recorder, key="rev1/0/promoted", message="v2 took over"):
    return await recorder.record(CREDIT, type_="Normal", reason="Promoted", message=message, key=key)


async def test_the_same_key_is_told_once_also_after_a_kill(api, counted, start):
    assert await tell(start())
    assert await tell(start(), message="said a little differently")
    assert [event["note"] for event in api.stored.values()] == ["v2 took over"]
    assert counted == ["Promoted"]


async def test_other_keys_and_other_objects_are_told_too(api, start):
    recorder = start()
    await tell(recorder)
    await tell(recorder, key="rev2/0/promoted")
    again = {**CREDIT, "metadata": CREDIT["metadata"] | {"uid": "u2"}}
    await recorder.record(again, type_="Normal", reason="Promoted", message="m", key="rev1/0/promoted")
    assert len(api.stored) == 3


async def test_what_was_not_told_is_told_later_and_counted_then(api, counted, start):
    recorder = start()
    api.fails = Transient("away")
    assert not await tell(recorder)
    assert counted == []
    api.fails = None
    assert await tell(recorder)
    assert counted == ["Promoted"]


async def test_an_answer_that_was_lost_is_counted_once(api, counted, start):
    recorder = start()
    api.loses = Transient("time-out")
    assert not await tell(recorder)
    assert await tell(recorder)
    assert await tell(recorder)
    assert (len(api.stored), counted) == (1, ["Promoted"])


@pytest.mark.parametrize(
    "error", [Forbidden("no"), Invalid("odd"), NotFound("namespace")], ids=lambda e: type(e).__name__
)
async def test_what_is_refused_for_good_is_counted_and_not_told_again(api, counted, start, error):
    api.fails = error
    assert await tell(start())
    assert counted == ["Promoted"]


async def test_without_a_key_a_repeated_situation_becomes_a_count(api, counted, clock, start):
    recorder = start()
    for _ in range(3):
        assert await tell(recorder, key=None)
        clock.now += timedelta(seconds=1)
    assert len(api.stored) == 1
    assert [patch["series"]["count"] for patch in api.patched] == [2]
    assert len(counted) == 3


async def test_without_a_key_a_failure_is_nobodys_business(api, start):
    api.fails = Transient("away")
    assert await tell(start(), key=None)


async def test_nothing_is_remembered_of_an_object_that_is_gone(api, start):
    recorder = start()
    await tell(recorder, key=None)
    api.fails = Transient("away")
    await tell(recorder)
    recorder.forget("scoring", "another")
    assert recorder._recent
    assert recorder._unanswered
    recorder.forget("scoring", "credit")
    assert not recorder._recent
    assert not recorder._unanswered


async def test_a_replica_without_the_lease_leaves_the_telling_to_the_other(api, start):
    writer = KubernetesWriter(api, Store(lambda: 0.0), start(), may_write=lambda: False)
    assert not await writer.event(CREDIT, type_="Normal", reason="Promoted", message="m", key="k")
    assert api.stored == {}
