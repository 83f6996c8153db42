"""Structured logs, one JSON object (or one readable line) each, without a logging framework's start-up cost.

An event is one line in either style, whatever its fields hold: what clients send must not forge lines, nor fields, nor
drive a terminal.
"""

import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_ASKS_FOR_QUOTES: Final = frozenset(' "=\\')


class Log:
    """Writes events with fields to standard error; bound fields go with every event."""

    def __init__(self, style: str = "json", level: str = "info", **bound: Any) -> None:
        self._is_json = style != "console"
        self._threshold = _LEVELS.get(level.lower(), 20)
        self._bound = bound

    def debug(self, event: str, **fields: Any) -> None:
        """Something only its author wants to know."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Something that is part of a normal life."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something a person may want to look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Something a person must look at."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if _LEVELS[level] < self._threshold:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._is_json:
            line = json.dumps({"time": now, "level": level, "event": event, **self._bound, **fields}, default=str)
        else:
            line = f"{now} {level:7} {event} " + " ".join(f"{name}={readable(str(v))}" for name, v in fields.items())
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def readable(text: str) -> str:
    """A value as one word, or in quotes; whatever a terminal would not print (ends of lines, escapes) in its code."""
    if text.isprintable() and _ASKS_FOR_QUOTES.isdisjoint(text):
        return text
    text = text.replace("\\", r"\\").replace('"', r"\"")
    return '"' + "".join([each if each.isprintable() else _code(each) for each in text]) + '"'


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode()
