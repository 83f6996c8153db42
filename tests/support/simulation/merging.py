"""Server-side apply, as far as our objects need it: our fields are set, other people's stay."""

from typing import Any

from tests.support.simulation.cluster import JsonObject, copied

ATOMIC = frozenset({"selector", "ownerReferences"})
"""Maps and lists that are replaced whole."""


def merged(live: JsonObject, intent: JsonObject, before: JsonObject) -> None:
    """Set in ``live`` what ``intent`` says, and take away what only ``before``, our last intent, did."""
    for key in before:
        if key not in intent and key not in {"resourceVersion", "uid", "replicas"}:
            live.pop(key, None)
    for key, value in intent.items():
        if key in {"resourceVersion", "uid"}:
            continue
        if value is None:
            live.pop(key, None)
        elif key in ATOMIC or key not in live:
            live[key] = _clean(copied(value))
        elif isinstance(value, dict) and isinstance(live[key], dict):
            merged(live[key], value, _dict(before.get(key)))
        elif isinstance(value, list) and _is_named(value) and _is_named(live[key]):
            live[key] = _merged_by_name(live[key], value, before.get(key) or [])
        else:
            live[key] = copied(value)


def _is_named(items: Any) -> bool:
    return isinstance(items, list) and bool(items) and all(isinstance(i, dict) and "name" in i for i in items)


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _merged_by_name(live: list[JsonObject], intent: list[JsonObject], before: list[JsonObject]) -> list[JsonObject]:
    wanted, ours = {item["name"] for item in intent}, {item["name"]: item for item in before}
    known = {item["name"]: item for item in live if item["name"] in wanted or item["name"] not in ours}
    for item in intent:
        if item["name"] in known:
            merged(known[item["name"]], item, _dict(ours.get(item["name"])))
        else:
            known[item["name"]] = copied(item)
    return list(known.values())


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items() if each is not None}
    return value
