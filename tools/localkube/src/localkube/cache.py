"""Where things that cost minutes are kept between runs: `$SERIN_CACHE`, by default `~/.cache/serin`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The root of the cache (not created yet)."""
    if chosen := environment.get("SERIN_CACHE"):
        return Path(chosen).expanduser()
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "serin"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`: parallel test workers build, install and claim addresses one at a time.

    The kernel drops the lock when the process ends, however it ends, so no stale lock can exist.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(file.fileno(), path):
                yield
                return


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one at `path`: the last holder may have removed it while we waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
