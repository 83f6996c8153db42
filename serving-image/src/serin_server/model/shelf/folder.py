"""A store in a folder, most likely of a claim that many pods mount.

A volume of the network that is away lets every call hang, and no time limit of the system ends it: so each call has a thread
of its own, which is left behind when it takes too long.
"""

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Final, Literal, TypeVar

from serin_server.failures import LoadFailure, Reason
from serin_server.model.deadline import in_thread
from serin_server.model.shelf.place import Lying

Result = TypeVar("Result")
_CHUNK: Final = 1 << 20
_FLUSHED_BYTES: Final = 64 << 20
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNFINISHED: Final = ".put-"


class FolderPlace:
    """A folder, as messages name it, and the longest that one call may take."""

    leaves_copies: Final = True

    def __init__(self, root: Path, told: str, seconds: float) -> None:
        self._root = root
        self.told = told
        self._seconds = seconds

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of a file."""
        file = self._patient(partial(_opened, self._root / key, "rb"))
        while chunk := self._patient(partial(file.read, _CHUNK)):
            yield chunk
        self._patient(file.close)

    def write(self, key: str, content: Path | bytes) -> None:
        """Writes a file beside its place, and moves it there when all of it is on the disk."""
        target = self._root / key
        scratch = target.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
        try:
            self._patient(partial(target.parent.mkdir, parents=True, exist_ok=True))
            file = self._patient(partial(_opened, scratch, "xb"))
            unflushed = 0
            for chunk in _chunks_of(content):
                self._patient(partial(file.write, chunk))
                unflushed += len(chunk)
                if unflushed >= _FLUSHED_BYTES:  # little by little, so that no flush takes long
                    self._patient(partial(_flush, file))
                    unflushed = 0
            self._patient(partial(_flush, file))
            self._patient(file.close)
            self._patient(partial(scratch.replace, target))
            self._patient(partial(_flush_folder, target.parent))
        except LoadFailure:
            with suppress(LoadFailure):
                self._patient(partial(scratch.unlink, missing_ok=True))
            raise

    def below(self, key: str) -> Iterator[Lying]:
        """Every file below a key, those too that were never finished."""
        for parent, _, names in os.walk(self._root / key):
            for name in names:
                path = Path(parent, name)
                with suppress(FileNotFoundError):
                    found = path.stat()
                    yield Lying(path.relative_to(self._root).as_posix(), found.st_size, found.st_mtime)

    def remove(self, key: str) -> None:
        """Deletes a file, and the folders that are empty then."""
        path = self._root / key
        self._patient(partial(path.unlink, missing_ok=True))
        with suppress(OSError):
            for folder in path.parents:
                if folder == self._root:
                    return
                folder.rmdir()

    def _patient(self, call: Callable[[], Result]) -> Result:
        """What a call returns, in its time. Raises `LoadFailure`."""
        try:
            return in_thread(call).result(self._seconds)
        except OSError as error:
            if (
                isinstance(error, TimeoutError) and error.errno is None
            ):  # of `result`; a time-out of the system has a number
                message = f"the store {self.told} did not answer within {self._seconds:g} s: see what ails its volume"
                raise LoadFailure(Reason.SOURCE_UNREACHABLE, message) from None
            raise _translated(error, self.told) from error


def _translated(error: OSError, told: str) -> LoadFailure:
    why = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return LoadFailure(Reason.SOURCE_NOT_FOUND, f"the store {told} has no such file")
    if error.errno in _FULL:
        return LoadFailure(Reason.DISK_FULL, f"the store {told} is full ({why}): give its volume more, or sweep it")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        message = f"the store {told} may not be used by user {os.geteuid()} ({why}): make its folder writable (fsGroup, chown)"
        return LoadFailure(Reason.SOURCE_FORBIDDEN, message)
    return LoadFailure(Reason.SOURCE_UNREACHABLE, f"the store {told} cannot be used ({why})")


def _chunks_of(content: Path | bytes) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _opened(path: Path, mode: Literal["rb", "xb"]) -> IO[bytes]:
    return path.open(mode)


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
