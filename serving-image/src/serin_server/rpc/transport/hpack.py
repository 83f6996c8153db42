"""Header blocks of HTTP/2 as fields (RFC 7541), for the side that reads.

Clients of gRPC send the same few bytes with each call once both sides' tables hold their fields. So whoever reads remembers
blocks that changed no table, until the table changes (`version`).
"""

from collections import deque
from typing import Final

from serin_server.rpc.transport.huffman import HuffmanError, decoded

Field = tuple[bytes, bytes]
TABLE_BYTES: Final = 4096
"""What the table may hold, which is what clients assume before they are told otherwise."""
_OVERHEAD: Final = 32
_MOST_RESIZES: Final = 2
_MANY_TIMES: Final = 4
_MOST_INTEGER: Final = 1 << 28
_STATIC_TEXT: Final = """:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate"""
STATIC: Final[tuple[Field, ...]] = tuple(
    (name.encode(), value.encode()) for name, _, value in (line.partition(" ") for line in _STATIC_TEXT.split("\n"))
)
_STATIC_COUNT: Final = len(STATIC)


class HpackError(ValueError):
    """A block that cannot be read, after which nobody knows what the table holds."""


class Decoder:
    """Reads the blocks of one connection, one after another."""

    __slots__ = ("_size", "_table", "max_size", "most_bytes", "version")

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` is what the fields of one block may be, counted as the table counts them."""
        self._table: deque[Field] = deque()
        self._size = 0
        self.max_size = TABLE_BYTES
        self.most_bytes = most_bytes
        self.version = 0
        """Another one after each block that changed the table."""

    def fields(self, block: bytes) -> list[Field] | None:
        """The fields of a block; None when they are more than may be. Raises `HpackError`."""
        found: list[Field] = []
        position, end, total = 0, len(block), 0
        resizes_left = _MOST_RESIZES
        while position < end:
            first = block[position]
            if first >= 0x80:
                index, position = _integer(block, position, 0x7F)
                field = self._field(index)
            elif first & 0xE0 == 0x20:
                if not resizes_left:
                    raise HpackError("the table's size changes within a block, or too often")
                resizes_left -= 1
                size, position = _integer(block, position, 0x1F)
                self._resize(size)
                continue
            else:
                index, position = _integer(block, position, 0x3F if first >= 0x40 else 0x0F)
                if index:
                    name = self._field(index)[0]
                else:
                    name, position = _text(block, position)
                value, position = _text(block, position)
                field = (name, value)
                if first >= 0x40:
                    self._insert(field)
            resizes_left = 0
            total += len(field[0]) + len(field[1]) + _OVERHEAD
            if total <= self.most_bytes:
                found.append(field)
            elif total > _MANY_TIMES * self.most_bytes:  # one byte stands for four thousand
                raise HpackError(f"the fields of a block are more than {_MANY_TIMES} times {self.most_bytes} bytes")
        return found if total <= self.most_bytes else None

    def _field(self, index: int) -> Field:
        if 0 < index <= _STATIC_COUNT:
            return STATIC[index - 1]
        if _STATIC_COUNT < index <= _STATIC_COUNT + len(self._table):
            return self._table[index - _STATIC_COUNT - 1]
        raise HpackError(f"there is no field {index} in the tables")

    def _insert(self, field: Field) -> None:
        self.version += 1
        self._table.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + _OVERHEAD
        self._evict()

    def _resize(self, size: int) -> None:
        if size > TABLE_BYTES:
            raise HpackError(f"the table is to have {size} bytes, and {TABLE_BYTES} may be")
        if size != self.max_size:
            self.version += 1
        self.max_size = size
        self._evict()

    def _evict(self) -> None:
        while self._size > self.max_size:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + _OVERHEAD


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """A number that begins in the low bits of a byte, and the position behind it."""
    value = block[position] & mask
    position += 1
    if value < mask:
        return value, position
    shift = 0
    while position < len(block):
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if value > _MOST_INTEGER or shift > 35:
            break
        if byte < 0x80:
            return value, position
    raise HpackError("a number breaks off, or is too large")


def _text(block: bytes, position: int) -> tuple[bytes, int]:
    """A text and the position behind it."""
    if position >= len(block):
        raise HpackError("a block breaks off before a text")
    is_packed = block[position] >= 0x80
    length, position = _integer(block, position, 0x7F)
    end = position + length
    if end > len(block):
        raise HpackError("a text is longer than its block")
    text = block[position:end]
    if not is_packed:
        return text, end
    try:
        return decoded(text), end
    except HuffmanError as error:
        raise HpackError(str(error)) from None


def literal(name: bytes, value: bytes) -> bytes:
    """A field as those who answer write it: as it is, put into no table."""
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def _length(size: int) -> bytes:
    if size < 0x7F:
        return bytes((size,))
    size -= 0x7F
    told = bytearray((0x7F,))
    while size >= 0x80:
        told.append(size & 0x7F | 0x80)
        size >>= 7
    told.append(size)
    return bytes(told)
