"""What ``managedFields`` say: which fields of an object somebody has set, and who did it last."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from serin_operator.act.structure import Keys, Path, by_keys
from serin_operator.api.names import FIELD_MANAGER

JsonObject = dict[str, Any]

APPLY: Final = "Apply"
UPDATE: Final = "Update"


def entries(obj: Mapping[str, Any]) -> list[JsonObject]:
    """Who has set which fields."""
    return obj["metadata"].get("managedFields") or []


def ours(obj: Mapping[str, Any], operation: str) -> Mapping[str, Any] | None:
    """The fields that we own by ``operation`` on the object itself; None where there is no such entry."""
    for entry in entries(obj):
        if is_ours(entry) and entry["operation"] == operation:
            return entry.get("fieldsV1") or {}
    return None


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is about what we do to the object itself, not to its scale or status."""
    return entry.get("manager") == FIELD_MANAGER and not entry.get("subresource")


def owns(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether ``fields`` (``fieldsV1``) has ``path``, or a value that it is a part of."""
    node = fields
    for depth, step in enumerate(path):
        if not node and depth:
            return True
        inner = node.get(f"f:{step}") if isinstance(step, str) else _item(node, step)
        if inner is None:
            return False
        node = inner
    return True


def given_up(fields: Mapping[str, Any], intent: object, field: str = "") -> bool:
    """Whether ``fields`` has one that ``intent`` does not have (any more)."""
    items = by_keys(field, intent)
    for key, inner in fields.items():
        kind, _, text = key.partition(":")
        if kind == "f":
            if not isinstance(intent, Mapping) or text not in intent or given_up(inner, intent[text], text):
                return True
        elif kind == "k":
            found = items.get(_keys(text, field))
            if found is None or given_up(inner, found[1], field):
                return True
        elif kind == "v" and not (isinstance(intent, list | tuple) and orjson.loads(text) in intent):
            return True
    return False


def taken_over(managed: Iterable[Mapping[str, Any]]) -> list[JsonObject] | None:
    """``managedFields`` in which what we created belongs to what we apply, so that an apply can take it away again.

    ``spec.replicas`` stays with the entry of the creation: an apply never has it, and giving it up would reset it to 1.
    None where there is nothing to take over.
    """
    own = [dict(entry) for entry in managed if is_ours(entry)]
    fields: JsonObject = {}
    for entry in own:
        fields = _union(fields, entry.get("fieldsV1") or {})
    is_left = (_only_size(e.get("fieldsV1") or {}) if e["operation"] == UPDATE else not _has_size(e) for e in own)
    if all(is_left):
        return None
    replicas = fields.get("f:spec", {}).pop("f:replicas", None)
    others = [dict(entry) for entry in managed if not is_ours(entry)]
    common = {key: own[0][key] for key in ("manager", "apiVersion", "fieldsType", "time") if key in own[0]}
    result = [*others, {**common, "operation": APPLY, "fieldsV1": fields}]
    if replicas is not None:
        result.append({**common, "operation": UPDATE, "fieldsV1": {"f:spec": {"f:replicas": {}}}})
    return result


def _only_size(fields: Mapping[str, Any]) -> bool:
    return fields == {"f:spec": {"f:replicas": {}}}


def _has_size(entry: Mapping[str, Any]) -> bool:
    return "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})


def _union(one: Mapping[str, Any], other: Mapping[str, Any]) -> JsonObject:
    merged = dict(one)
    for key, inner in other.items():
        merged[key] = _union(merged.get(key) or {}, inner)
    return merged


def _item(node: Mapping[str, Any], keys: Keys) -> Mapping[str, Any] | None:
    wanted = dict(keys)
    for text, inner in _items(node):
        found = orjson.loads(text)
        if all(wanted.get(name, value) == value for name, value in found.items()):
            return inner
    return None


def _items(node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((key[2:], inner) for key, inner in node.items() if key.startswith("k:"))


def _keys(text: str, field: str) -> Keys:
    found = orjson.loads(text)
    if field == "ports":
        number = "containerPort" if "containerPort" in found else "port"
        return ((number, found.get(number)), ("protocol", found.get("protocol", "TCP")))
    return tuple(found.items())
