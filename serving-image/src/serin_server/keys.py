"""Keys in files: of signatures, and of those who may send. The first of a file is used, and all of them are believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LEAST_KEY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """The key to sign with and all keys to verify with, by their ids."""

    signing_id: str
    by_id: Mapping[str, bytes]


def keys_in(file: Path) -> Keys:
    """The keys of a file of `<id>:<secret>` lines; the first signs, all verify, so that keys can be rotated.

    Raises `ValueError` saying what is wrong with the file.
    """
    by_id: dict[str, bytes] = {}
    for line in filter(None, map(str.strip, file.read_text().splitlines())):
        key_id, colon, secret = line.partition(":")
        if not colon or not key_id or "." in key_id or len(secret) < _LEAST_KEY_BYTES:
            raise ValueError(
                f"{file}: each line must be <id>:<secret>, the id without dots, the secret of {_LEAST_KEY_BYTES} "
                "characters or more"
            )
        by_id[key_id] = secret.encode()
    if not by_id:
        raise ValueError(f"{file} holds no key: write a line <id>:<secret>")
    return Keys(next(iter(by_id)), by_id)
