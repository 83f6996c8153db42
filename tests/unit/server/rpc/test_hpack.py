"""Header blocks: what another implementation writes is read, and nothing else is."""

import hpack
import pytest

from serin_server.rpc.transport.hpack import Decoder, HpackError
from serin_server.rpc.transport.huffman import HuffmanError, decoded

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
