"""A store in a bucket: the same client as for sources, which writes too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import obstore

from serin_server.model.shelf.place import Lying
from serin_server.model.sources.asked import Source, Store
from serin_server.model.sources.credentials import Purpose
from serin_server.model.sources.objects import Bucket
from serin_server.uris import shown

_PART_BYTES: Final = 8 << 20
_MOST_PARTS: Final = 9_000
"""S3 takes 10,000 at most."""
_PARTS_AT_A_TIME: Final = 2
_LEAST_SECONDS_FOR_A_PART: Final = 60.0
_READING: Final = Purpose("spec.model.store.credentials")
_WRITING: Final = Purpose("spec.model.store.writeCredentials, or credentials", "read and write")


class BucketPlace:
    """A prefix of a bucket."""

    leaves_copies: Final = False

    def __init__(self, store: Store, bucket: str, prefix: str, *, writes: bool, purpose: Purpose | None = None) -> None:
        seconds = max(store.timeout_seconds, _LEAST_SECONDS_FOR_A_PART) if writes else store.timeout_seconds
        source = Source(
            store.uri, ca_file=store.ca_file, credentials_dir=store.credentials_dir, timeout_seconds=seconds
        )
        self.told = shown(store.uri)
        self._bucket = Bucket(
            source, store.uri.partition(":")[0], bucket, purpose or (_WRITING if writes else _READING)
        )
        self._prefix = f"{prefix}/" if prefix else ""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an object."""
        return self._bucket.file(self._prefix + key, key).read()

    def write(self, key: str, content: Path | bytes) -> None:
        """Puts an object: in parts, of which few are in memory, and there when the last one is."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        part = max(_PART_BYTES, size // _MOST_PARTS)
        with self._bucket.translating():
            obstore.put(
                self._bucket.store, self._prefix + key, content, chunk_size=part, max_concurrency=_PARTS_AT_A_TIME
            )

    def below(self, key: str) -> Iterator[Lying]:
        """Every object below a key."""
        whole = f"{self._prefix}{key}/"
        with self._bucket.translating():
            for batch in obstore.list(self._bucket.store, prefix=whole.rstrip("/")):
                for meta in batch:
                    if meta["path"].startswith(whole):
                        name = meta["path"].removeprefix(self._prefix)
                        yield Lying(name, meta["size"], meta["last_modified"].timestamp())

    def remove(self, key: str) -> None:
        """Deletes an object."""
        with self._bucket.translating():
            try:
                obstore.delete(self._bucket.store, self._prefix + key)
            except FileNotFoundError:
                return
