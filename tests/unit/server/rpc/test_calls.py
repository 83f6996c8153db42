"""Calls over a connection of gRPC, frame by frame."""

import gzip
import zlib

import pytest
from tests.support.http2 import Client, Service

from serin_server.dataplane.memory import MemoryBudget
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.heads import Method


def prefixed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


async def test_a_small_call_is_answered_in_one_write():
    client = Client()
    client.call(b"hello")
    kinds = [(frame.kind, frame.flags) for frame in client.frames()]
    assert kinds == [(h2.HEADERS, h2.END_HEADERS), (h2.DATA, 0), (h2.HEADERS, h2.END_HEADERS | h2.END_STREAM)]
    client.call(b"again")
    told, data = client.answer()
    assert (told["grpc-status"], told[":status"], told["content-type"]) == ("0", "200", "application/grpc")
    assert data == prefixed(b"again")
    assert not client.connection.streams


async def test_a_call_may_come_byte_by_byte():
    client = Client(opening=b"")
    for byte in h2.PREFACE + h2.settings({}) + client.head() + client.data(b"hello"):
        client.send(bytes((byte,)))
    assert client.answer()[1] == prefixed(b"hello")


async def test_a_message_may_come_in_many_frames_padded_and_ended_by_an_empty_one():
    client = Client()
    client.send(client.head())
    for byte in prefixed(b"hello"):
        client.send(h2.frame(h2.DATA, h2.PADDED, client.number, bytes((3, byte, 0, 0, 0))))
    assert client.answer() == ({}, b"")
    client.send(h2.frame(h2.DATA, h2.END_STREAM, client.number))
    assert client.answer()[1] == prefixed(b"hello")


async def test_a_head_may_come_in_several_frames():
    client = Client()
    head = client.head("/echo", ("x-long", "v" * 200))
    block = head[9:]
    client.send(h2.frame(h2.HEADERS, 0, client.number, block[:40]))
    client.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS, client.number, block[40:]), client.data(b"hello"))
    assert client.answer()[1] == prefixed(b"hello")


async def test_a_large_answer_goes_as_its_client_makes_room():
    client = Client()
    message = bytes(range(256)) * 1024
    client.send(client.head())
    whole, got = prefixed(message), b""
    for at in range(0, len(whole), 16_384):
        last = h2.END_STREAM * (at + 16_384 >= len(whole))
        client.send(h2.frame(h2.DATA, last, client.number, whole[at : at + 16_384]))
    while len(got) < len(whole):
        _, data = client.answer()
        assert len(data) <= 65_535
        got += data
        client.send(h2.window_update(0, 65_535), h2.window_update(client.number, 65_535))
    assert got == whole
    assert not client.connection.streams


async def test_a_client_may_change_its_mind_about_its_room():
    client = Client()
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 2}))
    client.frames()
    client.call(b"hello")
    assert client.answer()[1] == b"\0\0"
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 100}))
    told, data = client.answer()
    assert (told["grpc-status"], data) == ("0", prefixed(b"hello")[2:])


async def test_calls_of_one_connection_are_answered_in_any_order():
    client = Client()
    for text in (b"a", b"b"):
        client.call(text, "/late")
    first, second = client.service.late
    second.answer(b"2")
    first.answer(b"1")
    assert client.answer()[1] == prefixed(b"2") + prefixed(b"1")


async def test_messages_of_a_stream_are_answered_as_they_come():
    client = Client()
    client.send(client.head("/echoes"), client.data(b"a", is_last=False))
    assert client.answer()[1] == prefixed(b"a")
    client.send(client.data(b"b", is_last=False), client.data(b"c"))
    told, data = client.answer()
    assert (told["grpc-status"], data) == ("0", prefixed(b"b") + prefixed(b"c"))


PACKED = {"gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", PACKED)
async def test_packed_messages_are_unpacked(encoding):
    client = Client()
    message = b"hello" * 1000
    client.call(PACKED[encoding](message), "/echo", ("grpc-encoding", encoding), is_packed=True)
    assert client.answer()[1] == prefixed(message)


async def test_a_packed_message_may_not_grow_beyond_the_limit():
    client = Client()
    client.call(gzip.compress(bytes(12 << 20)), "/echo", ("grpc-encoding", "gzip"), is_packed=True)
    assert client.status() == StatusCode.RESOURCE_EXHAUSTED
    assert client.service.memory.held_bytes == 0


def waits(client, message=b"hello", *more, **how):
    client.call(message, "/late", *more, **how)


REFUSED = {
    "an address that nobody has": (lambda c: c.call(b"", "/nobody"), StatusCode.UNIMPLEMENTED),
    "messages packed in a way that nobody reads": (
        lambda c: c.call(b"", "/echo", ("grpc-encoding", "br"), is_packed=True), StatusCode.UNIMPLEMENTED,
    ),
    "a packed message that nothing says how": (lambda c: c.call(b"x", is_packed=True), StatusCode.INTERNAL),
    "bytes that are not packed as they say": (
        lambda c: c.call(b"xyz", "/echo", ("grpc-encoding", "gzip"), is_packed=True), StatusCode.INVALID_ARGUMENT,
    ),
    "no message": (lambda c: c.send(c.head(), h2.frame(h2.DATA, h2.END_STREAM, c.number)), StatusCode.UNIMPLEMENTED),
    "two messages": (
        lambda c: c.send(c.head(), c.data(b"a", is_last=False), c.data(b"b")), StatusCode.UNIMPLEMENTED,
    ),
    "a message that breaks off": (
        lambda c: c.send(c.head(), h2.frame(h2.DATA, h2.END_STREAM, c.number, b"\0\0\0\0\x09abc")), StatusCode.INTERNAL,
    ),
    "a message that begins with nonsense": (
        lambda c: c.send(c.head(), h2.frame(h2.DATA, 0, c.number, b"\x07\0\0\0\x09abc")), StatusCode.INVALID_ARGUMENT,
    ),
    "metadata larger than may be": (
        lambda c: c.call(b"", "/echo", *((f"x-{i}", "v" * 150) for i in range(100))), StatusCode.RESOURCE_EXHAUSTED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_it_is_refused_to_send(case):
    sends, code = REFUSED[case]
    client = Client()
    sends(client)
    assert client.status() == code
    assert not client.connection.streams
    client.call(b"hello")
    assert client.answer()[1] == prefixed(b"hello")  # the connection goes on


async def test_a_message_larger_than_may_be_is_refused_by_its_length_and_the_rest_is_thrown_away():
    client = Client(max_body_bytes=100_000)
    client.send(client.head(), h2.frame(h2.DATA, 0, client.number, b"\0\x0f\0\0\0" + bytes(1000)))
    frames = client.frames()
    assert [frame.kind for frame in frames] == [h2.HEADERS, h2.RST_STREAM]
    told = dict(client.decoder.decode(frames[0].payload))
    assert told["grpc-status"] == "8"
    assert "larger than max" in told["grpc-message"]
    client.send(h2.frame(h2.DATA, h2.END_STREAM, client.number, bytes(1000)))
    assert client.frames() == []


async def test_words_are_written_in_per_cent():
    client = Client()
    client.call(b"", "/late")
    client.service.late[0].fail(StatusCode.INTERNAL, "50 % Größe\n")
    assert client.answer()[0]["grpc-message"] == "50 %25 Gr%C3%B6%C3%9Fe%0A"


async def test_messages_hold_memory_while_they_come_and_are_refused_where_there_is_none():
    service = Service(MemoryBudget(400_000))
    client = Client(service)
    client.send(client.head(), h2.frame(h2.DATA, 0, client.number, b"\0\0\x03\0\0" + bytes(16_000)))
    for _ in range(8):
        client.send(h2.frame(h2.DATA, 0, client.number, bytes(16_000)))
    assert 80_000 <= service.memory.held_bytes <= 140_000
    client.send(client.head(), h2.frame(h2.DATA, 0, client.number, b"\0\0\x05\0\0" + bytes(16_000)))
    for _ in range(18):
        client.send(h2.frame(h2.DATA, 0, client.number, bytes(16_000)))
    assert client.status() == StatusCode.UNAVAILABLE
    client.send(h2.reset(1, h2.CANCEL))
    assert service.memory.held_bytes == 0


async def test_a_call_that_takes_longer_than_its_client_waits_is_told_so():
    client = Client()
    client.call(b"", "/late", ("grpc-timeout", "1n"))
    over = []
    client.service.late[0].on_over = lambda: over.append(True)
    client.service.late[0].expire()
    assert client.status() == StatusCode.DEADLINE_EXCEEDED
    assert over == [True]
    client.service.late[0].answer(b"too late")
    assert client.frames() == []
    assert client.connection.under_way == 0


async def test_a_client_that_hangs_up_hears_nothing_more():
    client = Client()
    client.call(b"", "/late")
    client.send(h2.reset(client.number, h2.CANCEL))
    client.service.late[0].answer(b"nobody reads this")
    assert client.frames() == []
    client.connection.connection_lost(None)
    assert not client.server.connections


async def test_fields_behind_an_answer_are_told_with_every_kind_of_answer():
    def told(message, stream):
        stream.tell(b"traceparent", b"00-1-2-01")
        stream.answer(bytes(message)) if message else stream.fail(StatusCode.NOT_FOUND, "nothing")

    client = Client(Service(methods_more={b"/told": Method(told)}))
    for message, status in ((b"x", "0"), (b"", "5")):
        client.call(message, "/told")
        fields, _ = client.answer()
        assert (fields["grpc-status"], fields["traceparent"]) == (status, "00-1-2-01")


async def test_who_speaks_no_grpc_is_told_so():
    client = Client()
    fields = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
    client.send(h2.frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, 1, client.encoder.encode(fields)))
    told, data = client.answer()
    assert told[":status"] == "415"
    assert b"application/grpc" in data


async def test_pings_are_answered_with_the_next_answer_or_in_the_next_turn():
    import asyncio

    client = Client()
    client.send(h2.frame(h2.PING, 0, 0, b"12345678"), client.head(), client.data(b"x"))
    assert client.frames()[0].payload == b"12345678"
    client.send(h2.frame(h2.PING, 0, 0, b"87654321"))
    assert client.frames() == []
    await asyncio.sleep(0)
    assert [(frame.flags, frame.payload) for frame in client.frames()] == [(h2.ACK, b"87654321")]
