"""Notices that a mounted file has changed: certificates, keys and key sets are replaced while the server runs."""

from collections.abc import Callable, Iterable
from pathlib import Path


class FileWatch:
    """Calls back when one of a few files changes. A file that cannot be used leaves what was loaded before in place."""

    def __init__(self, files: Iterable[Path | None], reload: Callable[[], None]) -> None:
        self._files = [file for file in files if file is not None]
        self._reload = reload
        self._seen = self._state()

    def look(self) -> str:
        """Reloads if anything changed. The error of a reload that failed, else nothing."""
        state = self._state()
        if state == self._seen:
            return ""
        self._seen = state
        try:
            self._reload()
        except (OSError, ValueError) as error:
            return f"{', '.join(map(str, self._files))} changed and cannot be used, the old one stays: {error}"
        return ""

    def _state(self) -> list[tuple[int, int] | None]:
        state: list[tuple[int, int] | None] = []
        for file in self._files:
            try:
                found = file.stat()
            except OSError:
                state.append(None)
            else:
                state.append((found.st_mtime_ns, found.st_ino))
        return state
