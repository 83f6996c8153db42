"""Status is kept small: etcd, watchers and people all pay for what it holds."""

from typing import Any, Final

import orjson

MOST_BYTES: Final = 56 * 1024
"""Below the 64 KiB that are promised, with room for what the API server adds."""
_NEWEST: Final = 5
_SHORT: Final = 160


def fitted(status: dict[str, Any]) -> dict[str, Any]:
    """The same status; where it is too large, what explains the past is shortened first, then what explains the present."""
    for shorten in (_old_signatures, _old_versions, _log_lines, _notices, _all_versions, _metrics, _uris):
        if len(orjson.dumps(status)) <= MOST_BYTES:
            break
        status = shorten(status)
    return status


def _old_signatures(status: dict[str, Any]) -> dict[str, Any]:
    """Of versions that nothing is compared with; their digests stay, and tell whether anything differed."""
    live, versions = _live(status), status.get("versions") or []
    shortened = [
        {**version, "signature": {"signatureDigest": version["signature"]["signatureDigest"], "truncated": True}}
        if version.get("signature") and version["revision"] not in live
        else version
        for version in versions
    ]
    return {**status, "versions": shortened}


def _live(status: dict[str, Any]) -> set[str | None]:
    kept = {(status.get(side) or {}).get("revision") for side in ("stable", "canary")}
    return {*kept, (status.get("guard") or {}).get("previousRevision")}


def _old_versions(status: dict[str, Any]) -> dict[str, Any]:
    versions = status.get("versions") or []
    return {**status, "versions": [*versions[:_NEWEST], *map(_cut, versions[_NEWEST:])]}


def _all_versions(status: dict[str, Any]) -> dict[str, Any]:
    return {**status, "versions": [_cut(version) for version in status.get("versions") or []]}


def _log_lines(status: dict[str, Any]) -> dict[str, Any]:
    """Records of looks are for a replay; a look that is told without them is still told."""
    letters = status.get("outbox") or []
    return {**status, "outbox": [_without_records(letter) for letter in letters]}


def _without_records(letter: dict[str, Any]) -> dict[str, Any]:
    fields = letter.get("fields") or {}
    return {**letter, "fields": {**fields, "records": []}} if "records" in fields else letter


def _notices(status: dict[str, Any]) -> dict[str, Any]:
    """Those that wait for a receiver that is away; the Events of the same moments have the whole message."""
    letters = status.get("outbox") or []
    return {**status, "outbox": [_cut(letter) if "notice" in letter else letter for letter in letters]}


def _metrics(status: dict[str, Any]) -> dict[str, Any]:
    compared = {side: status[side] for side in ("canary", "guard") if status.get(side)}
    cut = {
        side: {**one, "analysis": [_cut(row) for row in one.get("analysis") or []]} for side, one in compared.items()
    }
    return {**status, **cut}


def _uris(status: dict[str, Any]) -> dict[str, Any]:
    """Of versions that are neither stable nor on their way; where a model came from, its birth tells as well."""
    live, versions = _live(status), status.get("versions") or []
    return {**status, "versions": [v if v["revision"] in live else {**v, "uri": v["uri"][:_SHORT]} for v in versions]}


def _cut(row: dict[str, Any]) -> dict[str, Any]:
    message = row.get("message") or ""
    return row if len(message) <= _SHORT else {**row, "message": f"{message[: _SHORT - 1]}…"}
