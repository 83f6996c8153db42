"""Fetches that go on where they broke off, as long as it is certain that the bytes are still the same.

Bytes of two versions in one file would be a model that nobody made. So a fetch goes on only by a mark that the source gave
with the first bytes (an ETag, or the time of the last change), and asks for the rest on the condition that it still holds.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from serin_server.failures import LoadFailure
from serin_server.model.answers import Interrupted, changed

TRIES: Final = 4
_FIRST_PAUSE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Mark:
    """What changes whenever the bytes do; empty where the source tells nothing of the sort."""

    etag: str = ""
    modified: str = ""
    size: int | None = None

    @property
    def is_firm(self) -> bool:
        """Whether equal marks mean equal bytes."""
        return bool(self.etag or self.modified)


@dataclass(frozen=True, slots=True)
class Rest:
    """The bytes from some place on, and the mark that they came with."""

    mark: Mark
    start: int
    chunks: Iterator[bytes]


Open = Callable[[int, Mark], AbstractContextManager[Rest]]
"""Opens a source at a byte, on the condition of a mark (an empty one: none). Raises `LoadFailure`."""


def resumed(source: str, open_at: Open) -> Iterator[bytes]:
    """All bytes of a source, through breaks of the connection. Raises `LoadFailure` with the last reason and how often it was tried.

    Args:
        source: As messages name it.
        open_at: Opens it.
    """
    got, mark, tries = 0, Mark(), 0
    while True:
        before = got
        try:
            with open_at(got, mark) as rest:
                if got and rest.mark != mark:
                    raise changed(source)
                mark = rest.mark
                skip = got - rest.start  # a source that cannot begin in the middle
                for chunk in rest.chunks:
                    fresh = chunk[skip:] if skip else chunk
                    skip = max(0, skip - len(chunk))
                    got += len(fresh)
                    if fresh:
                        yield fresh
        except Interrupted as failure:
            tries = 1 if got > before else tries + 1
            if not got or not mark.is_firm:
                raise
            if tries > TRIES:
                raise _given_up(failure, got, mark) from failure
            sys.stderr.write(f"{failure.message}; going on from byte {got:,} (try {tries} of {TRIES})\n")
            time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (tries - 1))
        else:
            return


def _given_up(failure: LoadFailure, got: int, mark: Mark) -> LoadFailure:
    of_all = f" of {mark.size:,}" if mark.size is not None else ""
    return LoadFailure(failure.reason, f"{failure.message} (given up at byte {got:,}{of_all} after {TRIES} more tries)")
