"""Bodies that clients send compressed, unpacked within the limit that holds for plain ones."""

import zlib
from typing import Final

from serin_server.http.messages import Request
from serin_server.refusals import Kind, Refusal

_WINDOW_BITS: Final = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


def plain_body(request: Request, limit: int) -> bytes:
    """The body of a request as it was before its client packed it. Raises `Refusal`."""
    encoding = request.headers.get(b"content-encoding")
    return request.body if encoding is None else decompressed(request.body, encoding, limit)


def decompressed(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The plain body. Raises `Refusal` when it is no such encoding, damaged, or grows beyond the limit."""
    encoding = encoding.strip().lower()
    if encoding == b"identity":
        return body
    bits = _WINDOW_BITS.get(encoding)
    if bits is None:
        raise Refusal(
            Kind.UNSUPPORTED, f"Content-Encoding {encoding[:40].decode(errors='replace')}: use gzip or deflate"
        )
    unpacker = zlib.decompressobj(bits)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refusal(Kind.MALFORMED, f"the body is not {encoding.decode()}: {error}") from None
    if len(plain) > limit:
        raise Refusal(Kind.TOO_LARGE, f"the body may have {limit} bytes, and more came out of it: send fewer rows")
    if not unpacker.eof:
        raise Refusal(Kind.MALFORMED, f"the {encoding.decode()} body is cut short")
    if unpacker.unused_data:
        left = len(unpacker.unused_data)
        raise Refusal(Kind.MALFORMED, f"{left} bytes are left over behind the {encoding.decode()} body: pack it once")
    return plain
