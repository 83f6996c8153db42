"""Walks protobuf messages by field number, without their schemas and without copying them."""

import mmap
from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

Field = tuple[int, int, int, int]
"""Number, wire type, first byte of the value, one past its last byte."""
Data = mmap.mmap | bytes | bytearray


def fields(data: Data, position: int, end: int) -> Iterator[Field]:
    """The fields of one message. Raises `ValueError` where the bytes are no message or break off."""
    while position < end:
        key = data[position]  # nearly all keys and lengths are one byte, and a call a byte is what costs here
        if key < 0x80:
            position += 1
        else:
            key, position = varint(data, position, end)
        number, wire = key >> 3, key & 7
        start = position
        if wire == VARINT:
            _, position = varint(data, position, end)
        elif wire == BYTES:
            length = data[position] if position < end else 0x80
            if length < 0x80:
                start = position + 1
            else:
                length, start = varint(data, position, end)
            position = start + length
        elif wire in (FIXED64, FIXED32):
            position += 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"unknown wire type {wire} at byte {start}")
        if number == 0 or position > end:
            raise ValueError(f"a field reaches byte {position} of {end}")
        yield number, wire, start, position


def varint(data: Data, position: int, end: int) -> tuple[int, int]:
    """One number and the position behind it. Raises `ValueError` where it breaks off."""
    value = shift = 0
    while position < end and shift < 70:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise ValueError(f"a number breaks off at byte {position}")


def signed(value: int) -> int:
    """A varint as an `int64`, which it is in two's complement."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def integers(data: Data, field: Field) -> Iterator[int]:
    """The signed numbers of a repeated field: one, or several when it is packed."""
    _, wire, position, end = field
    if wire not in (VARINT, BYTES):
        raise ValueError(f"no integer at byte {position}")
    while position < end:
        value, position = varint(data, position, end)
        yield signed(value)
