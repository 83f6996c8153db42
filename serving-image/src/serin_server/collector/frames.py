"""How batches lie in a segment of the spool: frames, each with its length and a checksum.

A frame's content is a line of JSON that names the batch and its parts, and behind it an Arrow stream for each part. Who dies
while it writes leaves a torn end, which was never acknowledged; it is cut off when the spool is opened. Anything else that cannot
be read is damage.
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
_BEGINS: Final = b'{"batch":'
"""How the content of every frame begins."""


class Damaged(Exception):
    """The rest of a segment cannot be read; `at` is where it begins."""

    def __init__(self, at: int) -> None:
        super().__init__(f"damaged at byte {at}")
        self.at = at


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
    """The batches of a segment, one after the other. Raises `Damaged` behind the last that can be read, unless it is the end."""
    with segment.open("rb") as file:
        for content in _contents(file):
            line, _, rest = content.partition(b"\n")
            head = msgspec.json.decode(line, type=_FrameHead)
            yield head.batch, list(_parts(head, memoryview(rest)))
        at = file.tell()
        if file.read(1):
            raise Damaged(at)


def names_in(segment: Path) -> Iterator[str]:
    """The names of the batches of a segment, as far as it can be read."""
    with segment.open("rb") as file:
        for content in _contents(file):
            yield msgspec.json.decode(content.partition(b"\n")[0], type=_FrameHead).batch


def cut_torn_end(segment: Path) -> None:
    """Cuts off a torn end. What has something whole behind it is none, and stays."""
    with segment.open("r+b") as file:
        for _ in _contents(file):
            pass
        end = file.tell()
        rest = file.read()
        if rest and not _has_frame(rest):
            file.truncate(end)


def _contents(file: IO[bytes]) -> Iterator[bytes]:
    """What whole frames hold; then the file stands behind the last of them."""
    while True:
        at = file.tell()
        content = _content(file)
        if content is None:
            file.seek(at)
            return
        yield content


def _content(file: IO[bytes]) -> bytes | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    if not 0 < length <= _MOST_BYTES:  # zeros, as a power cut leaves them, would be empty frames
        return None
    content = file.read(length)
    return content if len(content) == length and crc32(content) == checksum else None


def _has_frame(rest: bytes) -> bool:
    """Whether a whole frame lies anywhere in bytes of which the first frame cannot be read."""
    found = rest.find(_BEGINS)
    while found >= 0:
        if found >= _HEAD.size:
            length, checksum = _HEAD.unpack_from(rest, found - _HEAD.size)
            content = memoryview(rest)[found : found + length]
            if len(content) == length and crc32(content) == checksum:
                return True
        found = rest.find(_BEGINS, found + 1)
    return False


def _parts(head: _FrameHead, streams: memoryview) -> Iterator[Part]:
    start = 0
    for part in head.parts:
        with pa.ipc.open_stream(pa.py_buffer(streams[start : start + part.size])) as stream:
            yield Part(part.name, part.day, part.version, stream.read_all())
        start += part.size
