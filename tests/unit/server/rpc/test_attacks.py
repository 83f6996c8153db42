"""What clients can do to a connection of gRPC, each with its limit."""

import pytest
from tests.support.http2 import OPENING, Client

from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.connection import MOST_STREAMS

FLOODS = {
    "calls that are reset at once (CVE-2023-44487)": lambda c: c.head("/late") + c.data(b"") + h2.reset(c.number, 8),
    "PING": lambda c: h2.frame(h2.PING, 0, 0, bytes(8)),
    "SETTINGS": lambda c: h2.settings({}),
    "PRIORITY": lambda c: h2.frame(h2.PRIORITY, 0, 1, bytes(5)),
    "frames of kinds that nobody knows": lambda c: h2.frame(0x55, 0, 0, b""),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_ends_the_connection(kind):
    client = Client()
    for _ in range(h2.FIRST_WINDOW):
        client.send(FLOODS[kind](client))
        if client.connection.is_over:
            break
    assert client.ended() == h2.ENHANCE_YOUR_CALM
    assert client.connection.wasted <= client.server.most_wasted + 1


async def test_as_many_in_two_seconds_are_none():
    client = Client()
    for second in range(3):
        client.send(h2.frame(h2.PING, 0, 0, bytes(8)) * (client.server.most_wasted // 2))
        client.server.look(client.server.now + second)
    assert client.ended() is None


async def test_empty_frames_of_a_message_end_the_connection():
    client = Client()
    client.send(client.head())
    client.send(h2.frame(h2.DATA, 0, client.number) * (client.server.most_wasted + 1))
    while not client.connection.is_over and client.connection._rest:
        client.send(b"")
    assert client.ended() == h2.ENHANCE_YOUR_CALM


async def test_a_head_without_an_end_ends_the_connection():
    client = Client()
    client.send(h2.frame(h2.HEADERS, 0, 1, b""))
    for _ in range(1000):
        client.send(h2.frame(h2.CONTINUATION, 0, 1, bytes(1000)))
        if client.connection.is_over:
            break
    assert client.ended() == h2.ENHANCE_YOUR_CALM


async def test_a_message_in_crumbs_is_refused():
    client = Client()
    client.send(client.head(), h2.frame(h2.DATA, 0, client.number, b"\0\0\x01\0\0"))
    for _ in range(5000):
        client.send(h2.frame(h2.DATA, 0, client.number, b"x"))
    assert client.status() == StatusCode.INVALID_ARGUMENT


async def test_calls_that_were_reset_count_until_their_answers_are_there():
    client = Client()
    client.server.most_wasted = 10 * MOST_STREAMS
    for _ in range(MOST_STREAMS):
        client.send(client.head("/late"), client.data(b""), h2.reset(client.number, h2.CANCEL))
    client.frames()
    client.call(b"one more", "/late")
    assert [(frame.kind, frame.payload[-1]) for frame in client.frames()] == [(h2.RST_STREAM, h2.REFUSED_STREAM)]
    client.service.late[0].answer(b"")
    client.call(b"one more")
    assert client.status() == 0


async def test_a_client_that_does_not_begin_is_let_go():
    client = Client(opening=b"PRI * HTTP", read_timeout_seconds=5)
    client.server.look(client.server.now + 4)
    assert not client.transport.is_aborted
    client.server.look(client.server.now + 2)
    assert client.transport.is_aborted


async def test_a_client_that_sends_its_message_too_slowly_is_refused():
    client = Client(read_timeout_seconds=5)
    client.send(client.head(), h2.frame(h2.DATA, 0, client.number, b"\0\0\x01\0\0abc"))
    client.server.look(client.server.now + 6)
    assert client.status() == StatusCode.DEADLINE_EXCEEDED
    assert [refusal.kind.word for refusal in client.service.rejected] == ["slow_client"]


async def test_an_answer_that_its_client_makes_no_room_for_is_dropped_with_what_it_holds():
    from serin_server.dataplane.memory import Holding

    client = Client(read_timeout_seconds=5)
    client.call(b"", "/late")
    holding = Holding(client.service.memory)
    holding.grow(1 << 20)
    client.service.late[0].answer(bytes(1 << 20), holding)
    client.frames()
    client.server.look(client.server.now + 6)
    assert [(frame.kind, frame.payload[-1]) for frame in client.frames()] == [(h2.RST_STREAM, h2.CANCEL)]
    assert client.service.memory.held_bytes == 0
    assert not client.connection.streams


async def test_many_small_answers_that_wait_for_room_are_held_by_the_budget():
    client = Client(read_timeout_seconds=5)
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 0}))
    client.service.memory.limit_bytes = 100_000
    for _ in range(30):
        client.call(bytes(10_000))
    resets = [frame.payload[-1] for frame in client.frames() if frame.kind == h2.RST_STREAM]
    assert resets == [h2.ENHANCE_YOUR_CALM] * 21
    assert client.service.memory.held_bytes == 9 * 10_005
    client.server.look(client.server.now + 6)
    assert client.service.memory.held_bytes == 0


async def test_many_messages_that_do_not_end_are_held_by_the_budget():
    client = Client()
    client.service.memory.limit_bytes = 200_000
    for _ in range(30):
        client.send(client.head(), h2.frame(h2.DATA, 0, client.number, b"\0\0\1\0\0" + bytes(12_000)))
    assert client.service.memory.held_bytes > 100_000
    assert client.status() == StatusCode.UNAVAILABLE
    client.connection.connection_lost(None)
    assert client.service.memory.held_bytes == 0
    assert client.connection._free.left == 64 * 1024


async def test_who_does_not_read_is_not_read_from():
    client = Client()
    client.connection.pause_writing()
    assert client.transport.is_paused
    client.connection.resume_writing()
    assert not client.transport.is_paused


async def test_frames_that_come_in_masses_are_read_turn_by_turn():
    import asyncio

    client = Client()
    client.send(b"".join(client.head() + client.data(b"%d" % number) for number in range(600)))
    assert client.transport.is_paused
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not client.transport.is_paused
    assert len([frame for frame in client.frames() if frame.kind == h2.DATA]) == 600


async def test_a_client_that_begins_byte_by_byte_is_let_go():
    client = Client(opening=b"", read_timeout_seconds=5)
    for byte in h2.PREFACE[:6]:
        client.send(bytes((byte,)))
        client.server.look(client.server.now + 1)
    assert client.transport.is_aborted


async def test_a_client_that_does_not_read_is_let_go():
    client = Client(read_timeout_seconds=5)
    client.transport.unsent = 1 << 20
    client.connection.pause_writing()
    client.server.look(client.server.now + 6)
    assert client.transport.is_aborted


async def test_one_that_reads_slowly_is_not():
    client = Client(read_timeout_seconds=5)
    client.transport.unsent = 1 << 20
    client.connection.pause_writing()
    client.transport.unsent = 1 << 19
    client.server.look(client.server.now + 6)
    assert not client.transport.is_aborted


WRONG = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a first frame that is no SETTINGS": h2.PREFACE + h2.frame(h2.PING, 0, 0, bytes(8)),
    "a frame larger than may be": OPENING + (20_000 << 16 | 4 << 8).to_bytes(5, "big") + bytes(5),
    "a stream of the server's numbers": OPENING + h2.frame(h2.HEADERS, h2.END_HEADERS, 2, b"\x82"),
    "data of a stream that is idle": OPENING + h2.frame(h2.DATA, 0, 5, b"x"),
    "a head that cannot be read": OPENING + h2.frame(h2.HEADERS, h2.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
    "another frame within a head": OPENING + h2.frame(h2.HEADERS, 0, 1, b"") + h2.frame(h2.PING, 0, 0, bytes(8)),
    "room without an end": OPENING + h2.window_update(0, h2.LARGEST_WINDOW),
    "room of nothing": OPENING + h2.window_update(0, 0),
    "a promise": OPENING + h2.frame(h2.PUSH_PROMISE, 0, 1, bytes(4)),
    "padding as long as its frame": OPENING + h2.frame(h2.HEADERS, h2.PADDED | h2.END_HEADERS, 1, b"\x09abc"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_the_connection_ends_at(case):
    client = Client(opening=b"")
    client.send(WRONG[case])
    assert client.ended() not in (None, h2.NO_ERROR, h2.INTERNAL_ERROR)
