"""The headers that open a model's source, from a file; no message ever shows one of their values."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from serin_server.failures import LoadFailure, Reason

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def headers_in(file: Path | None) -> Mapping[str, str]:
    """The `Name: value` lines of a file, none without one. Raises `LoadFailure` naming the line that cannot be used."""
    if file is None:
        return {}
    try:
        text = file.read_bytes().decode()
    except (OSError, ValueError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        message = f"the file of the source's headers {file} cannot be read ({why}): give lines of `Name: value`"
        raise LoadFailure(Reason.SOURCE_FORBIDDEN, message) from None
    headers: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        name, colon, value = (part.strip(" \t\r") for part in line.partition(":"))
        if not colon or not _NAME.fullmatch(name):
            raise _unusable(file, number, "write it as `Name: value`")
        if not _VALUE.fullmatch(value):
            raise _unusable(
                file, number, "its value holds what a header cannot carry: write visible Latin-1 characters"
            )
        headers[name] = value
    return headers


def _unusable(file: Path, number: int, why: str) -> LoadFailure:
    return LoadFailure(Reason.SOURCE_FORBIDDEN, f"{file}: line {number} is no header: {why}")
