"""How connections of gRPC end: by age, by silence, and when the server leaves."""

import asyncio

from tests.support.http2 import Client

from serin_server.rpc.transport import frames as h2


def lasts(client: Client) -> list[int]:
    """The last streams that GOAWAYs name."""
    return [int.from_bytes(frame.payload[:4], "big") for frame in client.frames() if frame.kind == h2.GOAWAY]


async def test_an_old_connection_takes_calls_until_its_client_has_heard_and_ends_behind_the_last_answer():
    client = Client(connection_max_seconds=30)
    client.call(b"", "/late")
    client.server.look(client.server.now + 34)
    assert lasts(client) == [h2.LARGEST_STREAM]
    client.call(b"on its way", "/late")
    client.send(h2.frame(h2.PING, h2.ACK, 0, b"leaving?"))
    assert lasts(client) == [3]
    client.call(b"too late")
    assert [frame.payload[-1] for frame in client.frames() if frame.kind == h2.RST_STREAM] == [h2.REFUSED_STREAM]
    for stream in client.service.late:
        assert not client.transport.is_closed
        stream.answer(b"")
    assert client.transport.is_closed


async def test_a_client_that_does_not_say_that_it_has_heard_is_told_all_the_same():
    client = Client(connection_max_seconds=30)
    client.server.look(client.server.now + 34)
    client.server.look(client.server.now + 2)
    assert lasts(client) == [h2.LARGEST_STREAM, 0]
    assert client.transport.is_closed


async def test_calls_on_an_old_connection_are_cut_off_after_a_grace():
    client = Client(connection_max_seconds=30)
    client.call(b"", "/late")
    for seconds in (34, 2, 62):
        client.server.look(client.server.now + seconds)
    assert client.transport.is_aborted


async def test_a_silent_client_without_calls_is_let_go():
    client = Client(connection_max_seconds=0, idle_timeout_seconds=300)
    client.server.look(client.server.now + 299)
    assert lasts(client) == []
    client.server.look(client.server.now + 2)
    assert lasts(client) == [h2.LARGEST_STREAM]


async def test_a_silent_client_with_calls_is_asked_whether_it_is_there():
    for is_there in (True, False):
        client = Client(connection_max_seconds=0, idle_timeout_seconds=300, read_timeout_seconds=20)
        client.send(client.head("/echoes"))
        client.server.look(client.server.now + 301)
        assert [frame.kind for frame in client.frames()] == [h2.PING]
        if is_there:
            client.send(h2.frame(h2.PING, h2.ACK, 0, b"there?  "))
        client.server.look(client.server.now + 21)
        assert client.transport.is_aborted is not is_there


async def test_a_server_that_leaves_waits_for_what_is_under_way():
    client = Client()
    client.call(b"", "/late")
    stopping = asyncio.create_task(client.server.stop(5.0))
    await asyncio.sleep(0)
    client.send(h2.frame(h2.PING, h2.ACK, 0, b"leaving?"))
    assert not client.transport.is_closed
    client.service.late[0].answer(b"done")
    assert client.transport.is_closed
    client.connection.connection_lost(None)
    await asyncio.wait_for(stopping, 1)


async def test_a_server_that_must_go_at_once_goes():
    client = Client()
    client.call(b"", "/late")
    await client.server.stop(0.0)
    assert client.transport.is_aborted
