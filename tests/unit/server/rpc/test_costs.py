"""What a few bytes of a client may cost: a little time, and memory of the budget alone."""

import gzip
import random

import pytest
from tests.support.http2 import Client, Service

from serin_server.rpc.reflection import Reflection
from serin_server.rpc.service import SERVICE
from serin_server.rpc.status import StatusCode
from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.dispatch import outcome_of
from serin_server.rpc.transport.sending import Sending

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
WATCH = "/grpc.health.v1.Health/Watch"
ROOM = h2.INITIAL_WINDOW_SIZE.to_bytes(2, "big")


def prefixed(message: bytes, *, is_packed: bool = False) -> bytes:
    return bytes((is_packed,)) + len(message).to_bytes(4, "big") + message


def in_frames(client: Client, data: bytes) -> bytes:
    """The last bytes of a call."""
    frames = [data[at : at + h2.FRAME_BYTES] for at in range(0, len(data), h2.FRAME_BYTES)]
    last = len(frames) - 1
    return b"".join(
        h2.frame(h2.DATA, h2.END_STREAM * (at == last), client.number, each) for at, each in enumerate(frames)
    )


@pytest.fixture
def looked_at(monkeypatch):
    looked: list[int] = []
    burst = Sending._burst

    def counting(sending, stream):
        looked.append(stream.number)
        return burst(sending, stream)

    monkeypatch.setattr(Sending, "_burst", counting)
    return looked


async def test_room_for_all_is_no_reason_to_look_at_streams_that_have_none(looked_at):
    client = Client()
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 0}))
    for _ in range(100):
        client.call(bytes(500))
    looked_at.clear()
    client.send(h2.window_update(0, 1) * 100)
    assert not looked_at
    client.frames()
    client.send(h2.window_update(7, 2000))
    assert client.status() == 0
    assert looked_at == [7]
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 2000}))
    assert not client.connection.streams


async def test_streams_take_turns_where_there_is_little_room_for_all():
    client = Client()
    for _ in range(2):
        client.call(b"", "/late")
    for stream in client.service.late:
        stream.answer(bytes(200_000))
    client.frames()
    sent = dict.fromkeys((1, 3), 0)
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 300_000}))
    for _ in range(4):
        client.send(h2.window_update(0, 70_000))
        for frame in client.frames():
            if frame.kind == h2.DATA:
                sent[frame.number] += len(frame.payload)
    assert abs(sent[1] - sent[3]) <= 140_000
    assert min(sent.values()) > 70_000


FLIPS = {
    "in one frame": lambda: h2.frame(h2.SETTINGS, 0, 0, (ROOM + bytes(4) + ROOM + b"\0\0\xff\xff") * 1000),
    "in many": lambda: (h2.settings({h2.INITIAL_WINDOW_SIZE: 0}) + h2.settings({h2.INITIAL_WINDOW_SIZE: 1})) * 100,
}


@pytest.mark.parametrize("how", FLIPS)
async def test_room_that_changes_again_and_again_for_many_streams_ends_the_connection(how):
    client = Client()
    for _ in range(1000):
        client.send(client.head("/echoes"))
    client.send(FLIPS[how]())
    assert client.ended() == h2.ENHANCE_YOUR_CALM


async def test_packed_messages_are_held_until_they_were_unpacked_though_their_client_has_hung_up():
    client = Client()
    client.service.memory.limit_bytes = 1_000_000
    work = []
    client.server._dispatcher._aside = lambda *each: work.append(each)
    body = gzip.compress(random.Random(1).randbytes(300_000), 1)
    for _ in range(3):
        client.send(client.head("/echo", ("grpc-encoding", "gzip")), in_frames(client, prefixed(body, is_packed=True)))
        client.send(h2.reset(client.number, h2.CANCEL))
    assert client.service.memory.held_bytes == 3 * len(body)
    client.frames()
    client.send(client.head("/echo", ("grpc-encoding", "gzip")), in_frames(client, prefixed(body, is_packed=True)))
    assert client.status() == StatusCode.UNAVAILABLE
    for unpacked, then in work:
        then(outcome_of(unpacked))
    assert client.service.memory.held_bytes == 0


async def test_answers_of_a_stream_that_are_not_read_are_of_the_budget():
    service = Service(methods_more=Reflection((SERVICE,)).methods())
    client = Client(service)
    client.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 0}))
    client.send(client.head(REFLECTION))
    asked = prefixed(bytes((0x22, len(SERVICE))) + SERVICE.encode())
    client.send(h2.frame(h2.DATA, 0, client.number, asked * 10))
    stream = client.connection.streams[client.number]
    assert service.memory.held_bytes == sum(map(len, stream.pending)) > 0
    client.send(h2.window_update(client.number, 1 << 20), h2.window_update(0, 1 << 20))
    assert service.memory.held_bytes == 0
    assert client.number in client.connection.streams


async def test_messages_of_a_stream_may_be_cut_anywhere():
    whole = prefixed(b"first") + prefixed(b"second")
    for cut in range(1, len(whole)):
        client = Client()
        client.send(client.head("/echoes"), h2.frame(h2.DATA, 0, client.number, whole[:cut]))
        client.send(h2.frame(h2.DATA, h2.END_STREAM, client.number, whole[cut:]))
        told, data = client.answer()
        assert (told["grpc-status"], data) == ("0", whole)


async def test_a_stream_whose_message_breaks_off_gives_back_what_it_holds():
    client = Client(read_timeout_seconds=5)
    client.send(client.head("/echoes"), h2.frame(h2.DATA, 0, client.number, prefixed(b"whole")))
    client.server.look(client.server.now + 6)
    assert client.answer() == ({":status": "200", "content-type": "application/grpc", "grpc-accept-encoding": "identity, deflate, gzip"}, prefixed(b"whole"))  # fmt: skip
    for _ in range(5):
        client.send(h2.frame(h2.DATA, 0, client.number, (b"\0\0\x10\0\0" + bytes(1 << 20))[: h2.FRAME_BYTES]))
        client.server.look(client.server.now + 2)
    assert client.status() == StatusCode.DEADLINE_EXCEEDED
    assert client.service.memory.held_bytes == 0


async def test_a_length_of_thousands_of_digits_is_one_that_no_call_has():
    client = Client()
    client.call(b"hello", "/echo", ("content-length", "9" * 5000))
    assert [frame.payload[-1] for frame in client.frames() if frame.kind == h2.RST_STREAM] == [h2.PROTOCOL_ERROR]
    client.call(b"hello", "/echo", ("content-length", "0" * 5000 + "10"))
    assert client.status() == 0


async def test_who_watches_a_name_of_thousands_of_letters_is_refused():
    client = Client()
    client.call(b"\x0a\x90\x4e" + b"n" * 10_000, WATCH)
    assert client.status() == StatusCode.INVALID_ARGUMENT


async def test_nobody_begins_to_watch_a_server_that_ends():
    client = Client()
    client.server._health.stop()
    client.call(b"", WATCH)
    assert client.status() == StatusCode.UNAVAILABLE
    assert not client.connection.streams


async def test_metadata_that_nobody_reads_are_not_kept_while_a_call_lasts():
    client = Client()
    client.call(b"", "/late", ("x-api-key", "k"), ("authorization", "Bearer t"), ("x-more", "m" * 9000))
    assert client.service.late[0].headers == {"x-api-key": b"k", "authorization": b"Bearer t"}
