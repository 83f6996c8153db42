"""Takes a model from the store: verified as one from its source is, so that a store that lies serves nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from serin_server.failures import LoadFailure, Reason
from serin_server.model.shelf.place import Place, opened
from serin_server.model.shelf.whole import home_of, key_of, whole
from serin_server.model.sources.asked import Fetched, Source, Store
from serin_server.model.sources.collect import collected
from serin_server.model.sources.remote import Remote, RemoteFile


def taken(source: Source, store: Store) -> Fetched:
    """The model of the source's digest, from the cache or the store. Raises `LoadFailure`; nothing of it is used then."""
    asked = replace(
        source,
        uri=f"{store.uri.rstrip('/')}/{home_of(source.digest)}",
        timeout_seconds=store.timeout_seconds,
    )
    return collected(asked, _lying(source.digest, store))


@contextmanager
def _lying(digest: str, store: Store) -> Iterator[Remote]:
    place = opened(store)
    found = whole(place, digest)
    if found is None:
        message = f"the store {place.told} has no model of sha256 {digest}"
        raise LoadFailure(Reason.SOURCE_NOT_FOUND, message)
    files = {
        path: RemoteFile(path, partial(_read, place, key_of(digest, path), each.size), each.sha256)
        for path, each in found.files.items()
    }
    if not found.main:
        yield Remote(list(files.values()), is_folder=True)
        return

    def beside(path: str) -> RemoteFile:
        if path in files:
            return files[path]
        raise LoadFailure(Reason.DIGEST_MISMATCH, f"the store {place.told} lacks a file of sha256 {digest}")

    yield Remote([files[found.main]], is_folder=False, beside=beside)


def _read(place: Place, key: str, size: int) -> Iterator[bytes]:
    """The bytes of a file, and no more than it has: a store that sends without end would fill the disk."""
    got = 0
    for chunk in place.read(key):
        got += len(chunk)
        if got > size:
            raise LoadFailure(
                Reason.DIGEST_MISMATCH, f"the store {place.told} sends more than the {size:,} bytes of a file"
            )
        yield chunk
