"""Which files make a model whole: the manifest that is written last."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin_server.failures import LoadFailure, Reason
from serin_server.model.shelf.place import Place
from serin_server.model.sources.remote import path_below

HOME: Final = "sha256"
_MOST_BYTES: Final = 8 << 20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a model."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Whole:
    """A model in the store.

    Args:
        files: Its files by their paths.
        main: The path of its file; empty of a folder.
    """

    files: Mapping[str, Entry]
    main: str = ""

    def told(self) -> bytes:
        """As it is written down."""
        files = {path: {"sha256": each.sha256, "sizeBytes": each.size} for path, each in sorted(self.files.items())}
        return json.dumps({"format": 1, "main": self.main, "files": files}, indent=1).encode()


def home_of(digest: str) -> str:
    """The key below which everything of a model lies."""
    return f"{HOME}/{digest}"


def key_of(digest: str, path: str) -> str:
    """The key of one of its files."""
    return f"{home_of(digest)}/files/{path}"


def manifest_of(digest: str) -> str:
    """The key of its manifest."""
    return f"{home_of(digest)}/manifest.json"


def whole(place: Place, digest: str) -> Whole | None:
    """The model of a digest, if all of it is there. Raises `LoadFailure`, also for a manifest that is none."""
    try:
        text = _bounded(place.read(manifest_of(digest)))
    except LoadFailure as failure:
        if failure.reason is Reason.SOURCE_NOT_FOUND:
            return None
        raise
    try:
        return _parsed(json.loads(text), place.told)
    except (LoadFailure, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        message = f"the store {place.told} has a manifest of sha256 {digest} that is none: it is damaged, or somebody wrote into it"
        raise LoadFailure(Reason.DIGEST_MISMATCH, message) from None


def _bounded(chunks: Iterable[bytes]) -> bytes:
    text = b""
    for chunk in chunks:
        text += chunk
        if len(text) > _MOST_BYTES:
            return b""
    return text


def _parsed(said: Any, told: str) -> Whole:
    files = {
        str(path_below(told, path)): Entry(each["sha256"], each["sizeBytes"]) for path, each in said["files"].items()
    }
    main = said["main"]
    if (
        said["format"] != 1
        or not files
        or not all(_DIGEST.fullmatch(each.sha256) and isinstance(each.size, int) for each in files.values())
        or (main != "" and main not in files)
    ):
        raise ValueError(main)
    return Whole(files, main)
