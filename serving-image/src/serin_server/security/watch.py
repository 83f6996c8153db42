"""Notices that a mounted file has changed: certificates, keys and key sets are replaced while the server runs."""

from collections.abc import Callable, Iterable
from pathlib import Path

_State = list[tuple[int, int, int] | None]


class FileWatch:
    """Calls back when one of a few files changes. A file that cannot be used leaves what was loaded before in place."""

    def __init__(self, files: Iterable[Path | None], reload: Callable[[], None]) -> None:
        self._files = [file for file in files if file is not None]
        self._reload = reload
        self._seen = self._state()
        self._told: _State | None = None

    def look(self) -> str:
        """Reloads if anything changed. The error of a reload that failed, once for each state of the files, else nothing.

        A reload that failed is tried again at each look: half of a pair, or a disk that was away, may pass.
        """
        state = self._state()
        if state == self._seen:
            return ""
        try:
            self._reload()
        except Exception as error:  # noqa: BLE001 (whatever a file holds, the watch goes on)
            if state == self._told:
                return ""
            self._told = state
            reason = str(error) if isinstance(error, (OSError, ValueError)) else type(error).__name__
            return f"{', '.join(map(str, self._files))} changed and cannot be used, the old one stays: {reason}"
        self._seen = state
        return ""

    def _state(self) -> _State:
        state: _State = []
        for file in self._files:
            try:
                found = file.stat()
            except OSError:
                state.append(None)
            else:
                state.append((found.st_mtime_ns, found.st_ino, found.st_size))
        return state
