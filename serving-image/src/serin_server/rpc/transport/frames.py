"""Frames of HTTP/2 as they stand on the wire (RFC 9113, sections 4, 6 and 7)."""

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES: Final = 9
FRAME_BYTES: Final = 16_384
"""The largest payload of a frame that we take, and that every peer takes."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ENHANCE_YOUR_CALM: Final = 0xB

ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6

FIRST_WINDOW: Final = 65_535
_MOST_SETTINGS_BYTES: Final = 64 * 6
LARGEST_WINDOW: Final = (1 << 31) - 1
LARGEST_FRAME: Final = (1 << 24) - 1
LARGEST_STREAM: Final = (1 << 31) - 1


class ConnectionFailure(Exception):
    """The connection cannot go on: a GOAWAY with this code, and its end."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class StreamFailure(Exception):
    """One stream cannot go on: it is reset with this code."""

    def __init__(self, number: int, code: int) -> None:
        super().__init__()
        self.number = number
        self.code = code


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return (len(payload) << 16 | kind << 8 | flags).to_bytes(5, "big") + number.to_bytes(4, "big") + payload


def window_update(number: int, size: int) -> bytes:
    """Room for so many bytes more, of one stream or (0) of all."""
    return frame(WINDOW_UPDATE, 0, number, size.to_bytes(4, "big"))


def reset(number: int, code: int) -> bytes:
    """The end of a stream without an answer, or without hearing the rest of a question."""
    return frame(RST_STREAM, 0, number, code.to_bytes(4, "big"))


def goaway(last: int, code: int, why: str = "") -> bytes:
    """No streams after the last will be answered."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + why.encode()[:200])


def settings(values: dict[int, int]) -> bytes:
    """What the other side is told."""
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in values.items())
    return frame(SETTINGS, 0, 0, payload)


def settings_of(payload: bytes) -> list[tuple[int, int]]:
    """What the other side tells. Raises `ConnectionFailure`."""
    if len(payload) % 6:
        raise ConnectionFailure(FRAME_SIZE_ERROR, "SETTINGS of a broken length")
    if len(payload) > _MOST_SETTINGS_BYTES:
        raise ConnectionFailure(ENHANCE_YOUR_CALM, f"{len(payload) // 6} settings at once")
    told = [
        (int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big"))
        for at in range(0, len(payload), 6)
    ]
    for key, value in told:
        if key == ENABLE_PUSH and value > 1:
            raise ConnectionFailure(PROTOCOL_ERROR, f"ENABLE_PUSH is {value}")
        if key == INITIAL_WINDOW_SIZE and value > LARGEST_WINDOW:
            raise ConnectionFailure(FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE is {value}")
        if key == MAX_FRAME_SIZE and not FRAME_BYTES <= value <= LARGEST_FRAME:
            raise ConnectionFailure(PROTOCOL_ERROR, f"MAX_FRAME_SIZE is {value}")
    return told


def unpadded(flags: int, payload: bytes) -> bytes:
    """What a frame holds without its padding. Raises `ConnectionFailure`."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFailure(PROTOCOL_ERROR, "padding as long as its frame")
    return payload[1 : len(payload) - payload[0]]
