"""What a moving name points at now: an alias, a tag, a branch, or the highest folder of a bucket. Nothing is fetched for that."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, unquote

from serin_server.failures import LoadFailure, Reason
from serin_server.model.sources.asked import Source
from serin_server.model.sources.registry import opener
from serin_server.uris import shown

_BUCKETS: Final = ("s3", "gs", "az")
_MOVING: Final = ("oci", "oci+http", "hf", "mlflow", "mlflow+http")
_IDENTITY: Final = re.compile(r"@sha256:([0-9a-f]{12})|@([0-9a-f]{12})[0-9a-f]{28}(?:/|$)|/(\d+)$")
_STAR: Final = "*"


@dataclass(frozen=True, slots=True)
class Newest:
    """A version by a name that does not move."""

    uri: str
    name: str
    """What it is called there: the number of a model's version, the folder, or the first twelve digits of a digest or commit."""
    busy_seconds: float | None = None
    """How long ago something was written there, where that can be told: it may not be all there yet."""


def newest(source: Source, now: datetime | None = None) -> Newest:
    """What the source's name points at. Raises `LoadFailure`.

    Args:
        source: Its URI is `mlflow://host/name@alias`, `oci://host/repository:tag`, `hf://org/repository@branch/path`, or a bucket's with
            a star in the place of the folder that is named after the version.
        now: The time.
    """
    scheme = source.uri.partition("://")[0]
    if scheme in _BUCKETS and source.uri.count(_STAR) == 1:
        return _highest(source, now or datetime.now(UTC))
    if scheme not in _MOVING or _STAR in source.uri:
        raise LoadFailure(
            Reason.SOURCE_UNSUPPORTED,
            f"{shown(source.uri)} is no name that moves: give mlflow://host/name@alias, oci://host/repository:tag, "
            "hf://org/repository@branch/path, or s3://bucket/models/*/ with a star for the version's folder",
        )
    with opener(scheme)(source) as remote:
        uri = remote.resolved_uri or source.uri
    found = _IDENTITY.search(uri)
    name = next(filter(None, found.groups()), "") if found else ""
    return Newest(uri, name or uri.rpartition("/")[2])


def _highest(source: Source, now: datetime) -> Newest:
    import obstore  # noqa: PLC0415 (only for buckets)

    from serin_server.model.sources.objects import Bucket  # noqa: PLC0415

    before, _, after = source.uri.partition(_STAR)
    scheme, _, rest = before.partition("://")
    container, _, path = rest.partition("/")
    if not before.endswith("/") or (after and not after.startswith("/")):
        message = f"{shown(source.uri)}: the star stands for a whole folder: s3://bucket/models/*/"
        raise LoadFailure(Reason.SOURCE_UNSUPPORTED, message)
    bucket = Bucket(replace(source, uri=before), scheme, container)
    prefix = unquote(path)
    with bucket.translating():
        listed = obstore.list_with_delimiter(bucket.store, prefix=prefix or None)
        names = [str(each).rstrip("/").rpartition("/")[2] for each in listed["common_prefixes"]]
        if not names:
            raise LoadFailure(Reason.SOURCE_NOT_FOUND, f"{bucket.told}: there is no folder below it: check its path")
        name = max(names, key=_natural)
        metas = [meta for batch in obstore.list(bucket.store, prefix=f"{prefix}{name}/") for meta in batch]
    busy = min(((now - meta["last_modified"]).total_seconds() for meta in metas), default=None)
    return Newest(f"{before}{quote(name)}{after or '/'}", name, busy)


def _natural(name: str) -> list[Any]:
    """`v10` after `v9`, and dates as they come."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
