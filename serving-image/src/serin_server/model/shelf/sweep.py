"""Takes out of the store what nobody names any more: never what is young, and never anything but models."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from serin_server.model.shelf.place import Lying, Place
from serin_server.model.shelf.whole import HOME, home_of, manifest_of

_KEY: Final = re.compile(rf"{HOME}/([0-9a-f]{{64}})/.+")


@dataclass(frozen=True, slots=True)
class Heap:
    """Everything that lies under one digest, whole or not."""

    digest: str
    files: int
    size: int
    modified: float
    """When the newest of it was written, in seconds since 1970."""


def heaps(place: Place) -> list[Heap]:
    """What there is, by digest. Other things that lie in the store are nobody's business here. Raises `LoadFailure`."""
    found: dict[str, Heap] = {}
    for digest, each in _of_models(place.below(HOME)):
        heap = found.get(digest, Heap(digest, 0, 0, 0.0))
        found[digest] = Heap(digest, heap.files + 1, heap.size + each.size, max(heap.modified, each.modified))
    return [found[digest] for digest in sorted(found)]


def _of_models(lying: Iterator[Lying]) -> Iterator[tuple[str, Lying]]:
    for each in lying:
        if matched := _KEY.fullmatch(each.key):
            yield matched[1], each


def unnamed(found: Collection[Heap], in_use: Collection[str], before: float) -> list[Heap]:
    """Those that nobody names, and of which nothing was written since `before`."""
    return [heap for heap in found if heap.digest not in in_use and heap.modified < before]


def remove(place: Place, digest: str, before: float) -> bool:
    """Removes what lies under a digest, the manifest first; not if something of it was written since `before`. Raises `LoadFailure`."""
    lying = list(place.below(home_of(digest)))
    if any(each.modified >= before for each in lying):
        return False
    for key in sorted((each.key for each in lying), key=lambda key: key != manifest_of(digest)):
        place.remove(key)
    return True
