"""What opens a store: standard variables, from the files of a mounted Secret or else from the environment."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason
from serin_server.uris import CUT


@dataclass(frozen=True, slots=True)
class Purpose:
    """What credentials are for."""

    field: str = "spec.model.credentials"
    """Where people give them."""
    may: str = "read"

    @property
    def way_in(self) -> str:
        """What to do where they do not open it."""
        return f"give credentials that may {self.may} it ({self.field})"


READING: Final = Purpose()
WAY_IN: Final = READING.way_in
_SHORTEST_SECRET: Final = 6


class Credentials:
    """Variables by their standard names; a file of the folder wins over the environment, and is read anew each time."""

    def __init__(
        self, folder: Path | None, environment: Mapping[str, str] = os.environ, purpose: Purpose = READING
    ) -> None:
        self.purpose = purpose
        self._folder = folder
        self._environment = environment

    def get(self, *names: str) -> str:
        """The value of the first of these variables that is set, without white space around it; empty when none is.

        Raises `LoadFailure` naming a file that cannot be read.
        """
        for name in names:
            if value := (self._of_file(name) or self._environment.get(name, "")).strip():
                return value
        return ""

    def every(self, names: Iterable[str]) -> dict[str, str]:
        """Those of these variables that are set."""
        return {name: value for name in names if (value := self.get(name))}

    def scrubbed(self, text: str) -> str:
        """Text in which no value of the folder stands."""
        for name in self._names():
            value = self.get(name)
            for form in (value, *value.split()) if len(value) >= _SHORTEST_SECRET else ():
                if len(form) >= _SHORTEST_SECRET and not _is_public(name):
                    text = text.replace(form, CUT)
        return text

    def _names(self) -> list[str]:
        if self._folder is None or not self._folder.is_dir():
            return []
        return sorted(each.name for each in self._folder.iterdir() if not each.name.startswith(".."))

    def _of_file(self, name: str) -> str:
        if self._folder is None:
            return ""
        file = self._folder / name
        try:
            return file.read_bytes().decode() if file.is_file() else ""
        except (OSError, ValueError) as error:
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            message = f"{name} of {self.purpose.field} cannot be read ({why}): correct the Secret"
            raise LoadFailure(Reason.SOURCE_FORBIDDEN, message) from None


_PUBLIC: Final = ("ENDPOINT", "REGION", "URL", "ACCOUNT_NAME", "TRACKING_URI", "HOST")


def _is_public(name: str) -> bool:
    """Whether a variable says where, not who: messages have to name that."""
    return any(word in name for word in _PUBLIC)
