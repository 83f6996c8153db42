"""Fields of the spec that are settings of the server, and the variables by which they reach it.

One table for its readers: the environment of the pods, the rules that refuse to have a thing said twice, and the tests.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from serin_operator.api.rule import Rule

VARIABLES: Final[Mapping[str, str]] = {
    "runtime.batching": "SERIN_BATCHING",
    "runtime.maxBatchRows": "SERIN_MAX_BATCH_ROWS",
    "runtime.batchWindowSeconds": "SERIN_BATCH_WINDOW_SECONDS",
    "runtime.preferredBatchRows": "SERIN_PREFERRED_BATCH_ROWS",
}
"""Path below ``spec`` to the variable that carries its value."""

NOT_SEEN_BY_CEL: Final = frozenset({"runtime.batching"})
"""Fields without a type: no rule can ask for them, so their variables are Serin's alone."""


def variables_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """The variables that ``spec`` sets through fields of its own.

    Args:
        spec: As ``model_dump(by_alias=True, exclude_none=True)`` gives it.
    """
    found = ((variable, _at(spec, path.split("."))) for path, variable in VARIABLES.items())
    return {variable: _text(value) for variable, value in found if value is not None}


def _at(value: object, path: Iterable[str]) -> object:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def _text(value: object) -> str:
    """As the server reads it: words in small letters, lists with commas."""
    match value:
        case StrEnum():
            return value.lower()
        case list():
            return ",".join(map(_text, value))
        case float():
            return f"{value:.12g}"
        case _:
            return str(value)


def said_twice(fields: Mapping[str, str]) -> tuple[Rule, ...]:
    """Rules that refuse variables in ``spec.runtime.env`` which a field sets too, one for each part of the spec.

    Args:
        fields: Path below ``spec`` to the variable; the field may lie in objects that are absent.
    """
    fields = {path: variable for path, variable in fields.items() if path not in NOT_SEEN_BY_CEL}
    parts: dict[str, dict[str, str]] = {}
    for path, variable in fields.items():
        depth = 2 if path.startswith("serving.") else 1
        parts.setdefault(".".join(path.split(".")[:depth]), {})[path] = variable
    return tuple(_said_twice(part, inside) for part, inside in parts.items())


def _said_twice(part: str, fields: Mapping[str, str]) -> Rule:
    env = "self.runtime.env"
    is_twice = {v: f"{_present(path)} && {env}.exists(e, e.name == '{v}')" for path, v in fields.items()}
    # A ternary of whole sentences: to pick the name out of the list costs more than the API server allows a message.
    words = "".join(
        f"{is_twice[v]} ? '{v} and spec.{path} say the same thing: remove the variable, or the field' : "
        for path, v in fields.items()
    )
    says = f"What a field of spec.{part} sets must not stand in spec.runtime.env as well: remove the variable, or the field."
    return Rule(
        "spec",
        f"!has(self.runtime) || !has({env}) || !({' || '.join(is_twice.values())})",
        says,
        f"{words}'{says}'",
        field=".runtime.env",
    )


def _present(path: str) -> str:
    """CEL that is true when the whole path is there; ``spec.runtime`` is there already, where this is asked."""
    names = path.split(".")
    ways = [".".join(["self", *names[: depth + 1]]) for depth in range(len(names))]
    return " && ".join(f"has({way})" for way in ways if way != "self.runtime")
