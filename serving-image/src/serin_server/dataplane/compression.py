"""Bodies that clients send compressed, unpacked within the limits that hold for plain ones."""

import zlib
from typing import Final

from serin_server.dataplane.memory import Holding
from serin_server.refusals import Kind, Refusal

_WINDOW_BITS: Final = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_GZIP_MAGIC: Final = b"\x1f\x8b"
_STEP: Final = 1 << 20
_FREELY_BYTES: Final = 1 << 20
"""A body may grow to this size however small it was."""


def decompressed(body: bytes | bytearray, encoding: bytes, limit: int, growth: float, holding: Holding) -> bytearray:
    """The plain body, in steps of a few milliseconds. Raises `Refusal` when it is no such encoding, damaged, or too large.

    Args:
        body: As it came.
        encoding: The value of Content-Encoding.
        limit: The most bytes of a plain body.
        growth: How many times larger than it came a body may become, once it is large; 0 for no such limit.
        holding: Takes the plain bytes.
    """
    encoding = encoding.strip().lower()
    if encoding == b"identity":
        return bytearray(body)
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        raise Refusal(
            Kind.UNSUPPORTED, f"Content-Encoding {encoding[:40].decode(errors='replace')}: use gzip or deflate"
        )
    plain = bytearray()
    most = min(limit, max(_FREELY_BYTES, int(growth * len(body)))) if growth else limit
    left: bytes | bytearray = body
    while left:
        left = _member(left, bits, plain, most, holding)
        if left and (bits != _WINDOW_BITS[b"gzip"] or not left.startswith(_GZIP_MAGIC)):
            word = encoding.decode()
            raise Refusal(Kind.MALFORMED, f"{len(left)} bytes are left over behind the {word} body: pack it once")
    return plain


def _member(packed: bytes | bytearray, bits: int, plain: bytearray, most: int, holding: Holding) -> bytes:
    """Unpacks one member (a gzip body may have several, one behind the other), and returns what follows it."""
    unpacker = zlib.decompressobj(bits)
    left: bytes | bytearray = packed
    while not unpacker.eof:
        try:
            piece = unpacker.decompress(left, _STEP)
        except zlib.error as error:
            raise Refusal(Kind.MALFORMED, f"the body is not gzip or deflate as it says: {error}") from None
        left = unpacker.unconsumed_tail
        if not (piece or left or unpacker.eof):
            raise Refusal(Kind.MALFORMED, "the packed body is cut short")
        if len(plain) + len(piece) > most:
            raise Refusal(
                Kind.TOO_LARGE,
                f"the body may have {most} bytes (max_body_bytes, or max_body_growth times what came), and more came out of it: "
                "send fewer rows",
            )
        holding.grow(len(piece))
        plain += piece
    return unpacker.unused_data
