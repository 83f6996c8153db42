"""Whatever bytes a client of gRPC sends: frames end cleanly, and header blocks mean what another implementation meant."""

import hpack
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.http2 import Client

from serin_server.rpc.transport import frames as h2
from serin_server.rpc.transport.hpack import Decoder, HpackError, literal

KINDS = st.integers(0, 12)
FRAMES = st.builds(
    h2.frame, KINDS, st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x2D, 255]), st.integers(0, 9), st.binary(max_size=40)
)
GOOD = st.sampled_from(["/echo", "/late", "/echoes", "/nobody"])


@given(st.lists(FRAMES | GOOD, max_size=30), st.integers(1, 200))
async def test_any_frames_in_any_order_end_cleanly(sent, step):
    client = Client()
    faults = []
    client.server.loop.set_exception_handler(lambda loop, told: faults.append(told))
    data = b"".join(client.head(each) + client.data(b"hello") if isinstance(each, str) else each for each in sent)
    for at in range(0, len(data), step):
        client.send(data[at : at + step])
    for stream in client.service.late:
        stream.answer(b"late")
    client.server.look(client.server.now + 1000)
    client.connection.connection_lost(None)
    assert not faults
    assert not client.connection.streams
    assert client.service.memory.held_bytes == 0
    assert client.connection.under_way == 0


NAMES = st.sampled_from([b":path", b":status", b"te", b"x-a", b"grpc-timeout"]) | st.binary(max_size=9)
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([b"", b"POST", b"trailers"]) | st.binary(max_size=150)), max_size=9)


@settings(max_examples=50)
@given(st.lists(st.tuples(FIELDS, st.booleans(), st.sampled_from([None, 0, 64, 200, 4096])), max_size=8))
def test_blocks_of_another_encoder_are_read_as_they_were_meant(blocks):
    encoder, decoder = hpack.Encoder(), Decoder(1 << 20)
    for fields, huffman, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        assert decoder.fields(encoder.encode(fields, huffman=huffman)) == fields


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_blocks_of_any_bytes_are_read_or_refused(blocks):
    decoder = Decoder(4096)
    for block in blocks:
        try:
            decoder.fields(block)
        except HpackError:
            return


@given(NAMES, st.binary(max_size=40_000))
def test_what_is_written_is_read_by_another_decoder(name, value):
    assert hpack.Decoder(max_header_list_size=1 << 20).decode(literal(name, value), raw=True) == [(name, value)]
