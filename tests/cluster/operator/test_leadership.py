"""The lease is renewed beside whatever occupies the operator's own loop."""

import asyncio
import time

import pytest

from serin_operator.runtime.leadership import Candidacy, Leadership
from serin_operator.runtime.lease import LeaseLost, LeaseTiming

pytestmark = pytest.mark.cluster

QUICK = LeaseTiming(duration=3.0, renew_deadline=2.0, retry=0.3, attempt=1.0)


@pytest.fixture
def candidate(connection, namespace):
    seen = []

    def candidate(identity):
        one = Leadership(connection, Candidacy(namespace, identity, QUICK), on_seen=seen.append)
        one.start()
        one.seen = seen
        return one

    return candidate


async def test_a_loop_that_is_occupied_for_longer_than_the_lease_lasts_does_not_lose_it(candidate):
    leader = candidate("a")
    async with asyncio.timeout(30):
        await leader.acquired()
    rival = candidate("b")
    time.sleep(2 * QUICK.duration)  # noqa: ASYNC251 - nothing of this loop runs meanwhile, on purpose
    assert leader.is_leading()
    assert not rival.is_leading()
    await asyncio.sleep(0)
    assert len(leader.seen) > 5
    await leader.release()
    async with asyncio.timeout(30):
        await rival.acquired()
    assert not leader.is_leading()
    await rival.release()


async def test_a_lease_that_another_has_taken_is_lost(kubernetes, candidate, namespace):
    leader = candidate("a")
    async with asyncio.timeout(30):
        await leader.acquired()
    patch = '{"spec":{"holderIdentity":"another"}}'
    await asyncio.to_thread(
        kubernetes.kubectl, "patch", "lease", "serin-operator", "-n", namespace, "--type=merge", "-p", patch
    )
    async with asyncio.timeout(30):
        with pytest.raises(LeaseLost):
            await leader.lost()
    assert not leader.is_leading()


async def test_who_waits_for_the_lease_may_stop_waiting(candidate):
    leader = candidate("a")
    async with asyncio.timeout(30):
        await leader.acquired()
    rival = candidate("b")
    async with asyncio.timeout(10):
        await rival.release()
        await leader.release()
