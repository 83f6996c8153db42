"""Delivered to receivers on loopback, which hang, fail, refuse, are busy or away; and nothing of a Secret is ever told."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from tests.support.certificates import tls_of_this_machine

from serin_operator.act.notices.channels import Channel
from serin_operator.act.notices.line import Answer, Item
from serin_operator.act.notices.office import Office
from serin_operator.act.notices.sending import Sender
from serin_operator.act.notices.telling import About, id_of
from serin_operator.decide.memory.outbox import Letter, Notice
from serin_operator.runtime.metrics import OperatorMetrics
from serin_operator.runtime.noticing import Counters

ABOUT = About("scoring", "credit-risk", "uid-1")
SECRET = "T00000000-hush"


def letter(number: int = 1, **more: Any) -> Letter:
    notice = Notice("RolledBack", "AnalysisFailed", f"v2: worse ({number})", ("ops",), datetime.now(UTC), "v2", "v1")
    return Letter(f"notice-RolledBack/then/{number}", replace(notice, **more))


class Receiver:
    """Somebody with an address that is a secret."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Callable[[], web.Response]] = []
        """Of the first requests; the others are taken."""
        self.gate: asyncio.Event | None = None
        """Nobody is answered before this is set."""

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append((dict(request.headers), await request.read()))
        if self.gate is not None:
            await self.gate.wait()
        return self.answers.pop(0)() if self.answers else web.Response(status=202)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.seen]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    fake = Receiver()
    app = web.Application()
    app.router.add_post(f"/{SECRET}", fake.handle)
    async with TestServer(app) as server:
        fake.url = str(server.make_url(f"/{SECRET}"))  # type: ignore[attr-defined]
        yield fake


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def secret(folder: Path, **files: str) -> Path:
    """The Secret of the channel ops, as it is mounted."""
    (folder / "ops").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "ops" / name).write_text(text)
    return folder


def channel(kind: str = "Webhook") -> Channel:
    return Channel(name="ops", kind=kind)


async def attempt(
    session: aiohttp.ClientSession, folder: Path, kind: str = "Webhook", seconds: float = 5.0, **more: Any
) -> Answer:
    one = letter(**more)
    assert isinstance(one.content, Notice)
    sender = Sender(session, folder, "eu-1", attempt_seconds=seconds)
    return await sender.send(channel(kind), Item(ABOUT, one, one.content))


async def test_a_notice_is_signed_and_carries_its_id_and_token(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    secret(tmp_path, url=receiver.url + "\n", signingKey="the key", token=" bear \n")
    assert (await attempt(session, tmp_path)).is_taken
    ((headers, body),) = receiver.seen
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"the key", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == json.loads(body)["id"] == id_of(ABOUT, letter().key)
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Authorization"] == "Bearer bear"


async def test_a_secret_that_is_replaced_is_used_from_the_next_attempt_on(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    secret(tmp_path, url="http://127.0.0.1:1/")
    assert not (await attempt(session, tmp_path)).is_taken
    secret(tmp_path, url=receiver.url)
    assert (await attempt(session, tmp_path)).is_taken


async def test_pagerduty_needs_no_address_but_a_key_and_is_asked_nothing_for_what_wakes_nobody(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    secret(tmp_path, url=receiver.url)
    assert "routingKey" in (await attempt(session, tmp_path, "PagerDuty")).why
    secret(tmp_path, routingKey="R1")
    assert (await attempt(session, tmp_path, "PagerDuty")).is_taken
    assert (await attempt(session, tmp_path, "PagerDuty", occasion="Started")).is_taken
    ((_, body),) = receiver.seen
    assert json.loads(body)["routing_key"] == "R1"


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (500, {}, Answer(why="HTTP 500")),
        (302, {"Location": "http://127.0.0.1:1/"}, Answer(why="HTTP 302")),
        (404, {}, Answer(why="HTTP 404")),
        (400, {}, Answer(is_refused=True, why="HTTP 400")),
        (429, {"Retry-After": "17"}, Answer(why="HTTP 429", retry_after=17.0)),
        (503, {"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}, Answer(why="HTTP 503", retry_after=0.0)),
        (429, {"Retry-After": "soon"}, Answer(why="HTTP 429")),
    ],
)
async def test_what_an_answer_means(
    receiver: Any,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    status: int,
    headers: dict[str, str],
    expected: Answer,
) -> None:
    receiver.answers = [lambda: web.Response(status=status, headers=headers)]
    assert await attempt(session, secret(tmp_path, url=receiver.url)) == expected


async def test_a_receiver_that_hangs_is_left_after_the_time_of_an_attempt(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    receiver.gate = asyncio.Event()
    answer = await attempt(session, secret(tmp_path, url=receiver.url), seconds=0.2)
    assert answer == Answer(why="no answer within 0.2 s")
    receiver.gate.set()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no key url"),
        ({"url": f"ftp://{SECRET}"}, "no key url with an https:// address"),
        ({"url": f"http://{SECRET}:99999999/"}, ""),
        ({"url": f"https://127.0.0.1:1/{SECRET}"}, "no connection"),
        ({"url": f"https://127.0.0.1:1/{SECRET}", "signingKey": f"whsec_{SECRET}!"}, "signingKey cannot be used"),
        ({"url": f"https://127.0.0.1:1/{SECRET}", "token": f"{SECRET}\nX-Evil: 1"}, "token is no header"),
        ({"url": f"https://127.0.0.1:1/{SECRET}", "ca.crt": SECRET}, "ca.crt holds no certificates"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_told_without_what_it_holds(
    session: aiohttp.ClientSession, tmp_path: Path, files: dict[str, str], why: str
) -> None:
    answer = await attempt(session, secret(tmp_path, **files))
    assert not answer.is_taken
    assert not answer.is_refused
    assert why in answer.why
    assert SECRET not in answer.why


async def test_a_receiver_with_a_certificate_of_ones_own_is_known_by_ca_crt(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    tls, authority = tls_of_this_machine(tmp_path)
    app, fake = web.Application(), Receiver()
    app.router.add_post("/", fake.handle)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=tls)
    try:
        secret(tmp_path, url=str(server.make_url("/")))
        assert "no connection" in (await attempt(session, tmp_path)).why
        secret(tmp_path, **{"ca.crt": authority.read_text()})
        assert (await attempt(session, tmp_path)).is_taken
    finally:
        await server.close()


@contextmanager
def logged() -> Iterator[Any]:
    """What is logged meanwhile, whatever other tests want to hear."""
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        with structlog.testing.capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(wrapper_class=quiet)


class Room:
    """An office that delivers, with a clock that runs when nothing else does."""

    def __init__(self, session: aiohttp.ClientSession, folder: Path, channels: tuple[Channel, ...] = ()) -> None:
        self.metrics = OperatorMetrics(CollectorRegistry())
        self.skipped = 0.0
        self.done: list[str] = []
        self.changed = asyncio.Event()
        sender = Sender(session, folder, "", attempt_seconds=0.5)
        self.office = Office(
            channels or (channel(),), sender, Counters(self.metrics), on_done=self._note, monotonic=self._monotonic
        )

    def _monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self.skipped

    def _note(self, _namespace: str, name: str) -> None:
        self.done.append(name)
        self.changed.set()

    async def until(self, condition: Callable[[], bool], step: float = 0.0) -> None:
        """Wait; meanwhile every wait of the office is cut short by ``step`` seconds a turn."""
        async with asyncio.timeout(30):
            while not condition():
                self.skipped += step
                self.office.hand_over(About("x", "y", "nobody"), [])  # wakes whoever waits for a time
                await asyncio.sleep(0.01)


async def test_notices_arrive_in_order_once_each_though_the_receiver_fails_is_busy_and_hangs(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    def hangs_up() -> web.Response:
        raise ConnectionResetError

    receiver.answers = [
        lambda: web.Response(status=500),
        lambda: web.Response(status=429, headers={"Retry-After": "2"}),
        hangs_up,
        lambda: web.Response(status=503),
    ]
    room = Room(session, secret(tmp_path, url=receiver.url))
    letters = [letter(number) for number in range(5)]
    running = asyncio.create_task(room.office.run())
    room.office.hand_over(ABOUT, letters)
    await room.until(lambda: len(room.done) == 5, step=1.0)
    running.cancel()
    wanted = [id_of(ABOUT, each.key) for each in letters]
    assert list(dict.fromkeys(receiver.ids)) == wanted
    assert receiver.ids[4:] == wanted
    assert room.office.collect(ABOUT) == {f"{each.key}>ops" for each in letters}
    text = room.metrics.exposition().decode()
    assert 'serin_operator_notices_total{channel="ops",result="delivered"} 5.0' in text
    assert 'serin_operator_notice_attempts_total{channel="ops",result="error"} 4.0' in text


async def test_a_channel_that_hangs_holds_up_no_other(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    hanging, app = Receiver(), web.Application()
    hanging.gate = asyncio.Event()
    app.router.add_post("/", hanging.handle)
    async with TestServer(app) as server:
        secret(tmp_path, url=str(server.make_url("/")))
        (tmp_path / "team").mkdir()
        (tmp_path / "team" / "url").write_text(receiver.url)
        room = Room(session, tmp_path, (channel(), Channel(name="team", kind="Slack")))
        running = asyncio.create_task(room.office.run())
        room.office.hand_over(ABOUT, [letter(number, to=("ops", "team")) for number in range(3)])
        await room.until(lambda: len(receiver.seen) == 3)
        assert len(hanging.seen) <= 3
        running.cancel()
        hanging.gate.set()


async def test_neither_log_nor_metrics_nor_pages_hold_an_address_or_a_key(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    room = Room(session, secret(tmp_path, url=f"http://127.0.0.1:1/{SECRET}", token=SECRET, signingKey=SECRET))
    with logged() as lines:
        running = asyncio.create_task(room.office.run())
        room.office.hand_over(ABOUT, [letter(at=datetime.now(UTC) - timedelta(hours=23, minutes=59))])
        await room.until(lambda: bool(room.office.problems()), step=1.0)
        running.cancel()
    assert [line["channel"] for line in lines] == ["ops"]
    told = f"{lines} {room.office.problems()} {room.metrics.exposition().decode()}"
    assert "no connection" in told
    assert SECRET not in told
    assert "127.0.0.1" not in told


async def test_a_bug_in_a_notice_holds_up_no_other(
    receiver: Any, session: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(session, secret(tmp_path, url=receiver.url))
    bad, good = letter(1, message="bad"), letter(2)
    send = Sender.send

    async def broken(self: Sender, channel: Channel, item: Item) -> Answer:
        if item.notice.message == "bad":
            raise KeyError(SECRET)
        return await send(self, channel, item)

    monkeypatch.setattr(Sender, "send", broken)
    with logged() as lines:
        running = asyncio.create_task(room.office.run())
        room.office.hand_over(ABOUT, [bad, good])
        await room.until(lambda: len(receiver.seen) == 1, step=1.0)
        running.cancel()
    assert receiver.ids == [id_of(ABOUT, good.key)]
    assert SECRET not in str(lines)
