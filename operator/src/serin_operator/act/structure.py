"""How the API server's schema sees the objects that are applied: which lists are maps, and what is one value.

Server-side apply merges lists item by item where the schema names keys, and replaces them as wholes elsewhere. The kinds
that are applied are few, so the few names that matter stand here instead of the schema.
"""

from collections.abc import Mapping
from typing import Any, Final

Keys = tuple[tuple[str, Any], ...]
Step = str | Keys
"""Name of a field, or the keys of an item in a list that is a map."""
Path = tuple[Step, ...]

_BY_NAME: Final = ("name",)
_MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": _BY_NAME,
    "initContainers": _BY_NAME,
    "env": _BY_NAME,
    "volumes": _BY_NAME,
    "imagePullSecrets": _BY_NAME,
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "ownerReferences": ("uid",),
}
_ONE_VALUE: Final = frozenset({"selector", "nodeSelector", "labelSelector", "secretKeyRef", "configMapKeyRef"})
_SETS: Final = frozenset({"finalizers"})


def is_one_value(field: str) -> bool:
    """Whether a mapping of this name is replaced as a whole, so that what somebody adds to it is a change."""
    return field in _ONE_VALUE


def is_set(field: str) -> bool:
    """Whether a list of this name is a set, to which others may add."""
    return field in _SETS


def is_map(field: str) -> bool:
    """Whether a list of this name is merged item by item; others are replaced as wholes."""
    return field == "ports" or field in _MERGE_KEYS


def keys_of(field: str, item: Mapping[str, Any]) -> Keys:
    """What tells ``item`` from its siblings in ``field``, a list that is a map."""
    if field == "ports":
        number = "containerPort" if "containerPort" in item else "port"
        return ((number, item.get(number)), ("protocol", item.get("protocol") or "TCP"))
    return tuple((name, item.get(name)) for name in _MERGE_KEYS[field])


def by_keys(field: str, items: object) -> dict[Keys, tuple[int, Mapping[str, Any]]]:
    """Position and item of each item in ``field``, by its keys; empty where it is no list that is a map."""
    if not is_map(field) or not isinstance(items, list | tuple):
        return {}
    return {keys_of(field, item): (position, item) for position, item in enumerate(items)}


def in_words(path: Path) -> str:
    """As people write it: ``template.spec.containers[server].image``."""
    words = ""
    for step in path:
        words += f".{step}" if isinstance(step, str) else f"[{','.join(str(value) for _, value in step)}]"
    return words.removeprefix(".")
