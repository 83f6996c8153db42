"""JSON Patch, as far as the operator uses it: test and replace."""

from collections.abc import Iterable
from typing import Any

from tests.support.simulation.cluster import JsonObject, copied


def patched(obj: JsonObject, patch: Iterable[JsonObject]) -> JsonObject | None:
    """The object after the patch; None where a test fails."""
    result: JsonObject = copied(obj)
    for operation in patch:
        *above, last = operation["path"].strip("/").split("/")
        place: Any = result
        try:
            for step in above:
                place = place[int(step) if isinstance(place, list) else step]
            key: Any = int(last) if isinstance(place, list) else last
            before = place[key]
        except (KeyError, IndexError):
            return None
        if operation["op"] == "test" and before != operation["value"]:
            return None
        if operation["op"] == "replace":
            place[key] = operation["value"]
    return result
