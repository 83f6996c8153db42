"""Status as far as it can be parsed: the CRD lets people write things that no operator wrote."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from serin_operator.api.status import ModelDeploymentStatus


def parsed_status(raw: Mapping[str, Any]) -> tuple[ModelDeploymentStatus, tuple[str, ...]]:
    """The status without the fields that are unreadable, and their names. Of a list only the bad entries go."""
    good: dict[str, Any] = dict(raw)
    unreadable: list[str] = []
    while True:
        try:
            return ModelDeploymentStatus.model_validate(good), tuple(unreadable)
        except ValidationError as error:
            bad = {str(e["loc"][0]): e["loc"] for e in error.errors()}
            for name in bad:
                entries = {e["loc"][1] for e in error.errors() if e["loc"][0] == name and len(e["loc"]) > 1}
                unreadable.append(name)
                good = _without(good, name, entries)


def _without(status: dict[str, Any], name: str, entries: set[Any]) -> dict[str, Any]:
    value = status[name]
    if isinstance(value, list) and entries and all(isinstance(entry, int) for entry in entries):
        return {**status, name: [one for n, one in enumerate(value) if n not in entries]}
    return {key: one for key, one in status.items() if key != name}
