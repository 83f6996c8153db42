"""Two replicas, one lease, a clock that we move ourselves."""

import asyncio
import copy
from datetime import UTC, datetime

import pytest

from serin_operator.cluster.errors import AlreadyExists, Conflict, Transient
from serin_operator.runtime.lease import Elector, LeaseLost, LeaseTiming

TIMING = LeaseTiming()


class Clock:
    """Time passes only when somebody sleeps."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)

    async def passes(self, seconds):
        """Let others go on until so much time has gone by."""
        until = self.now + seconds
        while self.now < until:  # noqa: ASYNC110 - nothing tells of the fake time
            await asyncio.sleep(0)


class FakeLease:
    """One Lease with optimistic locking, and an outage when wanted."""

    def __init__(self, clock):
        self.clock = clock
        self.lease = None
        self.is_down = False
        self.swallow_next_answer = False

    def _check(self):
        if self.is_down:
            self.clock.now += 1.0
            raise Transient("the API server does not answer")

    async def read(self):
        self._check()
        return copy.deepcopy(self.lease)

    async def create(self, spec):
        self._check()
        if self.lease is not None:
            raise AlreadyExists("already exists")
        self.lease = {"metadata": {"resourceVersion": "1"}, "spec": spec}
        return copy.deepcopy(self.lease)

    async def update(self, lease):
        self._check()
        if lease["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise Conflict("the object has been modified")
        version = int(self.lease["metadata"]["resourceVersion"]) + 1
        self.lease = {"metadata": {"resourceVersion": str(version)}, "spec": lease["spec"]}
        if self.swallow_next_answer:
            self.swallow_next_answer = False
            raise Transient("time-out")
        return copy.deepcopy(self.lease)

    @property
    def holder(self):
        return self.lease["spec"]["holderIdentity"]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def api(clock):
    return FakeLease(clock)


def elector(api, clock, identity):
    return Elector(
        api, identity, TIMING, monotonic=clock, sleep=clock.sleep, now=lambda: datetime.fromtimestamp(0, UTC)
    )


async def test_the_first_replica_creates_the_lease_and_leads(api, clock):
    one = elector(api, clock, "one")
    await one.acquire()
    assert one.is_leading()
    assert api.holder == "one"


async def test_a_second_replica_waits_until_the_holder_has_been_silent_for_the_duration(api, clock):
    one, two = elector(api, clock, "one"), elector(api, clock, "two")
    await one.acquire()
    died_at = clock.now
    await two.acquire()
    assert not one.is_leading()
    assert TIMING.duration <= clock.now - died_at <= TIMING.duration + 2 * TIMING.retry
    assert api.lease["spec"]["leaseTransitions"] == 1


async def test_a_holder_that_renews_is_never_replaced(api, clock):
    one, two = elector(api, clock, "one"), elector(api, clock, "two")
    await one.acquire()
    holding, waiting = asyncio.create_task(one.hold()), asyncio.create_task(two.acquire())
    await clock.passes(200.0)
    assert not waiting.done()
    assert one.is_leading()
    holding.cancel()
    waiting.cancel()


async def test_a_released_lease_is_taken_at_once(api, clock):
    one, two = elector(api, clock, "one"), elector(api, clock, "two")
    await one.acquire()
    await one.release()
    assert not one.is_leading()
    before = clock.now
    await two.acquire()
    assert clock.now - before < TIMING.retry
    assert api.holder == "two"


async def test_a_holder_that_cannot_renew_gives_up_before_others_may_take_over(api, clock):
    one = elector(api, clock, "one")
    await one.acquire()
    api.is_down = True
    before = clock.now
    with pytest.raises(LeaseLost):
        await one.hold()
    assert TIMING.renew_deadline <= clock.now - before < TIMING.duration
    assert not one.is_leading()


async def test_a_short_outage_costs_nothing(api, clock):
    one = elector(api, clock, "one")
    await one.acquire()
    holding = asyncio.create_task(one.hold())
    api.is_down = True
    await clock.passes(4.0)
    api.is_down = False
    await clock.passes(60.0)
    assert one.is_leading()
    holding.cancel()


async def test_a_renewal_whose_answer_was_lost_is_recognised_as_our_own(api, clock):
    one = elector(api, clock, "one")
    await one.acquire()
    api.swallow_next_answer = True
    holding = asyncio.create_task(one.hold())
    await clock.passes(20.0)
    assert one.is_leading()
    assert not holding.done()
    holding.cancel()


async def test_a_replica_that_was_stopped_for_long_may_not_act_when_it_wakes_up(api, clock):
    one, two = elector(api, clock, "one"), elector(api, clock, "two")
    await one.acquire()
    await two.acquire()
    assert not one.is_leading()
    with pytest.raises(LeaseLost):
        await one.hold()
    assert api.holder == "two"


async def test_an_ex_leader_does_not_release_the_lease_of_its_successor(api, clock):
    one, two = elector(api, clock, "one"), elector(api, clock, "two")
    await one.acquire()
    await two.acquire()
    await one.release()
    assert api.holder == "two"


async def test_wall_clocks_that_disagree_do_not_matter(api, clock):
    far_future = Elector(
        api, "one", TIMING, monotonic=clock, sleep=clock.sleep, now=lambda: datetime(2099, 1, 1, tzinfo=UTC)
    )
    await far_future.acquire()
    before = clock.now
    await elector(api, clock, "two").acquire()
    assert clock.now - before <= TIMING.duration + 2 * TIMING.retry
