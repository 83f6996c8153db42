"""How batches lie in a segment of the spool: frames, each with its length and a checksum, and nothing behind a torn one.

A frame's content is a line of JSON that names the batch and its parts, and behind it an Arrow stream for each part.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final
from zlib import crc32

import msgspec
import pyarrow as pa

from serin_server.collector.tables import Batch, Part

_HEAD: Final = struct.Struct("<II")
_MOST_BYTES: Final = 1 << 30


class _PartHead(msgspec.Struct):
    name: str
    day: str
    version: str
    size: int


class _FrameHead(msgspec.Struct):
    batch: str
    parts: list[_PartHead]


def frame_of(batch: Batch) -> bytes:
    """A batch as it lies in a segment."""
    streams = [_stream(part.table) for part in batch.parts]
    parts = [
        _PartHead(part.name, part.day, part.version, stream.size)
        for part, stream in zip(batch.parts, streams, strict=True)
    ]
    head = msgspec.json.encode(_FrameHead(batch.name, parts))
    content = b"".join([head, b"\n", *streams])
    return _HEAD.pack(len(content), crc32(content)) + content


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def batches_in(segment: Path) -> Iterator[tuple[str, list[Part]]]:
    """The batches of a segment, one after the other; a torn end was never acknowledged, and is left out."""
    with segment.open("rb") as file:
        while (content := _content(file)) is not None:
            line, _, rest = content.partition(b"\n")
            head = msgspec.json.decode(line, type=_FrameHead)
            yield head.batch, list(_parts(head, memoryview(rest)))


def names_in(segment: Path) -> Iterator[str]:
    """The names of the batches of a segment."""
    with segment.open("rb") as file:
        while (content := _content(file)) is not None:
            yield msgspec.json.decode(content.partition(b"\n")[0], type=_FrameHead).batch


def _content(file: IO[bytes]) -> bytes | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    if length > _MOST_BYTES:
        return None
    content = file.read(length)
    return content if len(content) == length and crc32(content) == checksum else None


def _parts(head: _FrameHead, streams: memoryview) -> Iterator[Part]:
    start = 0
    for part in head.parts:
        with pa.ipc.open_stream(pa.py_buffer(streams[start : start + part.size])) as stream:
            yield Part(part.name, part.day, part.version, stream.read_all())
        start += part.size
