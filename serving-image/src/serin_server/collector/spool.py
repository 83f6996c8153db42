"""Batches on disk until they are objects: nobody is told that a batch is here before it would outlive a crash of the machine.

Batches that come at the same time share one flush. A segment is appended to until it is sealed, and is deleted when everything in
it lies in the store. Its name is made once and goes into the names of its objects, so that whoever dies in between writes the
same objects again, and not others.
"""

import asyncio
import fcntl
import os
import time
import uuid
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from serin_server.collector.frames import cut_torn_end, names_in

_OPEN: Final = ".open"
_SEALED: Final = ".sealed"
_ASIDE: Final = ".aside"
_MOST_NAMES: Final = 20_000


class SpoolFull(Exception):
    """There is no room, or the disk does not take it: the sender has to keep the batch for now."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file of batches."""

    path: Path
    size: int

    @property
    def name(self) -> str:
        """What its objects are called after."""
        return self.path.name.removesuffix(_SEALED).removesuffix(_OPEN)


class Spool:
    """A folder of segments. Raises `SpoolFull` from `append`; everything else `OSError`."""

    def __init__(self, folder: Path, segment_bytes: int, most_bytes: int) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._most_bytes = most_bytes
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._size = 0
        self._opened_at = 0.0
        self._sealed: list[Segment] = []
        self._written: list[Segment] = []
        self._names: OrderedDict[str, None] = OrderedDict()
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._waiting: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._lock_file: IO[bytes] | None = None

    def open(self) -> None:
        """Takes the folder, and what lies in it. Raises `OSError`; `BlockingIOError` where another collector has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (self._folder / "lock").open("wb")
        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in sorted(self._folder.glob(f"*{_OPEN}")):
            cut_torn_end(path)
            path.rename(path.with_suffix(_SEALED))
        for path in sorted(self._folder.glob(f"*{_SEALED}")):
            _flush(path)  # who died may have written a batch without flushing it
            self._sealed.append(Segment(path, path.stat().st_size))
            for name in names_in(path):
                self._remember(name)
        _flush(self._folder)

    @property
    def scratch(self) -> Path:
        """A folder for files that may be lost."""
        return self._folder / "scratch"

    @property
    def waiting_bytes(self) -> int:
        """How much waits to become objects, or to be deleted."""
        return self._size + sum(segment.size for segment in (*self._sealed, *self._written))

    @property
    def sealed(self) -> tuple[Segment, ...]:
        """What is to become objects now, the oldest first."""
        return tuple(self._sealed)

    @property
    def has_leftovers(self) -> bool:
        """Whether files lie here whose batches are in the store."""
        return bool(self._written)

    @property
    def age_seconds(self) -> float:
        """For how long the segment has been open that is written to; 0 when there is none."""
        return time.monotonic() - self._opened_at if self._file is not None else 0.0

    @property
    def is_large(self) -> bool:
        """Whether that segment is to be sealed for its size."""
        return self._size >= self._segment_bytes

    async def append(self, name: str, frame: bytes) -> bool:
        """Returns when the batch is safe; whether it was new. Raises `SpoolFull`."""
        if name in self._names:
            return False
        if (other := self._under_way.get(name)) is not None:
            await asyncio.shield(other)
            return False
        if self.waiting_bytes + sum(len(each) for _, each, _ in self._waiting) + len(frame) > self._most_bytes:
            raise SpoolFull("what waits for the store fills the spool: see why the store takes nothing")
        future = asyncio.get_running_loop().create_future()
        self._under_way[name] = future
        self._waiting.append((name, frame, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await asyncio.shield(future)
        return True

    async def seal(self) -> None:
        """Nothing more is written to the segment that is open; it can become objects."""
        async with self._lock:
            self._seal()

    def remove(self, segment: Segment) -> None:
        """All of it lies in the store. Raises `OSError` as `clear` does; it is never written again by this process."""
        self._sealed.remove(segment)
        self._written.append(segment)
        self.clear()

    def clear(self) -> None:
        """Deletes the files of what lies in the store. Raises `OSError` where one stays: call it again later."""
        refused: OSError | None = None
        for segment in tuple(self._written):
            try:
                segment.path.unlink(missing_ok=True)
                self._written.remove(segment)
            except OSError as error:
                refused = error
        if refused is not None:
            raise refused

    def set_aside(self, segment: Segment) -> Path:
        """It cannot be written, whatever the store says: it is kept for a person, and the others go on. Raises `OSError`."""
        path = segment.path.with_suffix(_ASIDE)
        segment.path.rename(path)
        self._sealed.remove(segment)
        return path

    async def _commit(self) -> None:
        """Writes and flushes what waits, as often as something waits."""
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                problem = await self._problem_of([frame for _, frame, _ in waiting])
                for name, _, future in waiting:
                    del self._under_way[name]
                    if problem is not None:
                        future.set_exception(problem)
                        future.exception()  # whoever asked may be gone
                    else:
                        self._remember(name)
                        future.set_result(None)
        finally:
            self._committing = None

    async def _problem_of(self, frames: list[bytes]) -> SpoolFull | None:
        """What kept frames from being written; None when they are on the disk."""
        async with self._lock:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._write, frames)
            except Exception as error:  # noqa: BLE001 (whatever it is, those who wait hear of it)
                self._give_up_segment()
                why = error.strerror if isinstance(error, OSError) else type(error).__name__
                return SpoolFull(f"the spool cannot be written to ({why})")
            if self.is_large:
                self._seal()
            return None

    def _write(self, frames: list[bytes]) -> None:
        """In a thread. What is written is whole on the disk, or the segment ends where it did."""
        if self._file is None:
            self._path = self._folder / f"{int(time.time() * 1000):013d}-{uuid.uuid4().hex[:12]}{_OPEN}"
            self._file = self._path.open("xb", buffering=0)
            self._size, self._opened_at = 0, time.monotonic()
            _flush(self._folder)
        for frame in frames:
            left = memoryview(frame)
            while left:
                left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())
        self._size += sum(map(len, frames))

    def _give_up_segment(self) -> None:
        """After a failed write its end is unknown: it is cut where all was well, and nothing is ever added to it."""
        if self._file is not None:
            with suppress(OSError, ValueError):
                os.truncate(self._file.fileno(), self._size)
        self._seal()

    def _seal(self) -> None:
        """What a disk says to it changes nothing: the segment is sealed, by whichever name it has."""
        file, path, size = self._file, self._path, self._size
        if file is None or path is None:
            return
        self._file = self._path = None
        self._size = 0
        with suppress(OSError):  # everything in it was flushed
            file.close()
        if not size:
            with suppress(OSError):  # it is taken for an empty segment when the spool is opened
                path.unlink()
            return
        sealed = path.with_suffix(_SEALED)
        try:
            path.rename(sealed)
        except OSError:
            sealed = path
        self._sealed.append(Segment(sealed, size))

    def _remember(self, name: str) -> None:
        self._names[name] = None
        if len(self._names) > _MOST_NAMES:
            self._names.popitem(last=False)


def _flush(path: Path) -> None:
    """A file or a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
