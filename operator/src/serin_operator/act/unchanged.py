"""Whether an apply would change anything, told from the object as observed: what would change nothing is never sent.

An apply that changes nothing of ours still passes through every admission webhook of the cluster, and a policy that was
added meanwhile would change the pods of every model. So nothing is sent when

- every field of the intent is there with an equal value, and we own none that the intent has given up; or
- what differs was made different by the cluster in our own last write of this very intent: the field is still ours, and
  the mark on the object says that the intent is the same. Writing it again would have it changed again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from serin_operator.act.ownership import APPLY, UPDATE, given_up, ours, owns
from serin_operator.act.sameness import differences
from serin_operator.act.structure import Path, is_map, is_one_value, keys_of
from serin_operator.api.names import ANNOTATION_WRITTEN

JsonObject = dict[str, Any]

_NEVER_APPLIED: Final = frozenset({"ControllerRevision", "Job", "Secret"})


class AsItIs(dict[str, Any]):
    """In place of the API server's answer, where nothing had to be written: the object, or its version alone if it was not read."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an apply would do."""

    path: Path | None
    """The first field that differs; None: only fields are given up."""
    gives_up: bool
    """Whether we own fields that the intent does not have any more."""


def marked(intent: Mapping[str, Any]) -> JsonObject:
    """The intent with a mark of which fields and values it has: what a birth wrote is not told by managedFields.

    An object that was created belongs to its creator with every default, so its managedFields cannot tell a default from
    a field that the intent had. The mark can, and so a new object needs no second write.
    """
    if intent["kind"] in _NEVER_APPLIED:
        return dict(intent)
    metadata = intent["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION_WRITTEN: _mark(intent)}
    return {**intent, "metadata": {**metadata, "annotations": annotations}}


def change_of(intent: Mapping[str, Any], observed: Mapping[str, Any]) -> Change | None:
    """What applying ``intent`` (marked) would change; None: nothing."""
    mark = _fields_and_values(intent)
    seen = _fields_and_values(observed)
    applied, born = ours(observed, APPLY), ours(observed, UPDATE)
    # Where nothing was applied yet, every default is owned too, and only the mark tells what was given up.
    gives_up = given_up(applied, intent) if applied is not None else born is not None and seen[0] != mark[0]
    different = list(differences(_without_mark(intent), observed))
    if not gives_up and seen[1] == mark[1]:
        held = [fields for fields in (applied, born) if fields is not None]
        different = [path for path in different if not any(owns(fields, path) for fields in held)]
    if not gives_up and not different:
        return None
    return Change(different[0] if different else None, gives_up)


def _fields_and_values(obj: Mapping[str, Any]) -> tuple[str, str]:
    fields, _, values = (obj["metadata"].get("annotations") or {}).get(ANNOTATION_WRITTEN, "").partition(".")
    return fields, values


def _without_mark(intent: Mapping[str, Any]) -> JsonObject:
    annotations = {k: v for k, v in intent["metadata"].get("annotations", {}).items() if k != ANNOTATION_WRITTEN}
    return {**intent, "metadata": {**intent["metadata"], "annotations": annotations}}


def _mark(intent: Mapping[str, Any]) -> str:
    spec = {name: value for name, value in (intent.get("spec") or {}).items() if name != "replicas"}
    lasting = {**intent, "spec": spec}
    return f"{digest(_fields(lasting))}.{digest(lasting)}"


def digest(value: object) -> str:
    """A short name for a JSON value, whatever the order of its keys."""
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _fields(value: object, field: str = "") -> object:
    """The names of the fields that an intent sets, without their values; null sets none."""
    if isinstance(value, Mapping) and not is_one_value(field):
        return {name: _fields(inner, name) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple) and value and is_map(field):
        return {orjson.dumps(keys_of(field, item)).decode(): _fields(item, field) for item in value}
    return True
