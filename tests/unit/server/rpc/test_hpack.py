"""Header blocks: what another implementation writes is read, and nothing else is."""

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin_server.rpc.transport.hpack import Decoder, HpackError, literal
from serin_server.rpc.transport.huffman import HuffmanError, decoded

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


WRONG = {
    "a field that is in no table": b"\xbe",
    "the field 0": b"\x80",
    "a number that breaks off": b"\xff\x80",
    "a number beyond all tables": b"\xff\xff\xff\xff\xff\xff\x7f",
    "a text that breaks off": b"\x00\x05ab",
    "a text that is not there": b"\x00",
    "a table larger than was offered": b"\x3f\xe2\x1f",
    "another size of the table behind a field": b"\x82\x20",
    "a text with the end of a string in it": b"\x00\x84\xff\xff\xff\xff\x00",
    "a text filled up with zeros": b"\x00\x81\x18\x00",
}


@pytest.mark.parametrize("block", WRONG.values(), ids=WRONG)
def test_a_block_is_refused_with(block):
    with pytest.raises(HpackError):
        Decoder(4096).fields(block)


def test_a_block_whose_fields_are_too_many_leaves_the_table_as_its_client_believes_it():
    encoder, decoder = hpack.Encoder(), Decoder(500)
    assert decoder.fields(encoder.encode([("x-large", "v" * 300), ("x-more", "w" * 300)])) is None
    assert decoder.fields(encoder.encode([("x-more", "w" * 300)])) == [(b"x-more", b"w" * 300)]


def test_a_small_block_cannot_become_many_bytes():
    decoder = Decoder(16_384)
    bomb = b"\x40\x01x\x7f\x81\x1e" + b"v" * 3968
    assert decoder.fields(bomb + b"\xbe" * 4) is None
    with pytest.raises(HpackError, match="4 times 16384"):
        decoder.fields(b"\xbe" * 12_000)


def test_a_block_resizes_the_table_twice_at_most():
    decoder = Decoder(16_384)
    assert decoder.fields(b"\x20\x3f\xe1\x1f\x82") == [(b":method", b"GET")]
    with pytest.raises(HpackError, match="too often"):
        decoder.fields(b"\x20" * 3)


def test_a_text_of_more_than_seven_bits_of_padding_is_none():
    with pytest.raises(HuffmanError):
        decoded(b"\xff")
