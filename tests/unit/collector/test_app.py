"""The collector's port: batches have a bound among themselves, and keep nobody from asking how it is."""

import asyncio

import pytest
from tests.support.predictions import batch, prediction

from serin_server.collector import app
from serin_server.collector.counts import Counts
from serin_server.collector.spool import Spool

BODY = batch(prediction())


class Client:
    """One request, whose body comes when it is let go."""

    def __init__(self, application, path="/v1/batches", method="POST"):
        self._body = asyncio.Event()
        self._scope = {"type": "http", "method": method, "path": path, "headers": ()}
        self._told = []
        self._task = asyncio.create_task(application(self._scope, self._receive, self._send))

    async def _receive(self):
        await self._body.wait()
        return {"type": "http.request", "body": BODY}

    async def _send(self, message):
        self._told.append(message)

    async def status(self):
        self._body.set()
        await asyncio.wait_for(self._task, 10)
        return self._told[0]["status"]


@pytest.fixture
def application(tmp_path, monkeypatch):
    monkeypatch.setattr(app, "_MOST_POSTS", 20)
    spool = Spool(tmp_path, 1 << 20, 1 << 20)
    spool.open()
    return app.Application(spool, Counts(), key_file=None, max_bytes=10_000, hidden=frozenset())


async def test_of_too_many_batches_at_once_the_last_are_sent_again_later_and_health_is_told(application):
    waiting = [Client(application) for _ in range(20)]
    await asyncio.sleep(0)
    assert await Client(application).status() == 503
    assert await Client(application, "/healthz", "GET").status() == 200
    assert await Client(application, "/metrics", "GET").status() == 200
    assert [await client.status() for client in waiting] == [200] * 20
    assert await Client(application).status() == 200
