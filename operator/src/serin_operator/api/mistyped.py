"""A value of the wrong type, told as it is and with what to write: never where it may be what opens something."""

import re
from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "integer,string": "an integer or a string (integer,string)",
}
_KEPT: Final = re.compile(r"(?i)secret|header|credential|token|password|annotations|(^|[.])(env|args|command|uri)\b")
"""Fields whose values may open something, by their paths."""
_MOST: Final = 40
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(\d+)\s*(s|m|min|h|d)")
_PERCENT: Final = re.compile(r"(\d+(?:[.]\d+)?)\s*%")
_YES: Final = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}


def mistyped(path: str, value: Any, kind: str) -> str:  # noqa: ANN401 - any JSON
    """What is wrong with a value, and what to write.

    Args:
        path: Of the field: ``spec.rollout.steps[0].weight``.
        value: What stands there.
        kind: What may: a type of JSON schema, or ``integer,string``.
    """
    return f"must be {_NAMES[kind]}, is {shown(path, value)}: {_way_out(path, value, kind)}"


def shown(path: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    """A value with its type; the type alone where a field of this path may hold what opens something."""
    match value:
        case None:
            return "null"
        case bool():
            kind, text = "the boolean", str(value).lower()
        case int():
            kind, text = "the integer", str(value)
        case float():
            kind, text = "the number", f"{value:g}"
        case str():
            line = " ".join(value.split())
            kind, text = "the string", f'"{line[:_MOST]}{"…" if len(line) > _MOST else ""}"'
        case list():
            return "a list"
        case _:
            return "an object"
    if _KEPT.search(path):
        name = kind.removeprefix("the ")
        return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    return f"{kind} {text}"


def _way_out(path: str, value: Any, kind: str) -> str:  # noqa: ANN401 - any JSON
    match kind:
        case "integer" | "number":
            return _numeric(path, value, kind)
        case "string" | "integer,string":
            return _quoted(path, value)
        case "boolean":
            meant = _YES.get(value.lower()) if isinstance(value, str) else None
            return f"write {meant} without quotes" if meant else "write true or false, without quotes"
        case "array":
            return "write a list: each item in a line of its own that begins with '- '"
        case _:
            return "write its fields below it, each as name: value"


def _numeric(path: str, value: Any, kind: str) -> str:  # noqa: ANN401 - any JSON
    otherwise = "write a whole number" if kind == "integer" else "write a number, without quotes"
    if not isinstance(value, str) or _KEPT.search(path):
        return otherwise
    text = value.strip()
    if re.fullmatch(r"-?\d+", text) or (kind == "number" and re.fullmatch(r"-?\d*[.]?\d+([eE]-?\d+)?", text)):
        return f"write {text} without quotes"
    if percent := _PERCENT.fullmatch(text):
        number = float(percent[1])
        if kind == "number":
            return f"write {number / 100:g}"
        return f"write {number:.0f}" if number.is_integer() else otherwise
    if path.endswith("Seconds") and (duration := _DURATION.fullmatch(text)):
        return f"write seconds: {int(duration[1]) * _UNITS[duration[2]]}"
    return otherwise


def _quoted(path: str, value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, bool):
        return "write the word in quotes: without them YAML takes yes, no, on and off for true or false"
    if isinstance(value, int | float) and not _KEPT.search(path):
        return f'write it in quotes: "{value}"'
    return "write it in quotes" if isinstance(value, int | float) else "write one value, in quotes"


_OF_PYDANTIC: Final = (
    ("int", "integer"),
    ("float", "number"),
    ("bool", "boolean"),
    ("string", "string"),
    ("list", "array"),
    ("model", "object"),
    ("dict", "object"),
)


def of_problem(problem: Mapping[str, Any]) -> str:
    """What ``pydantic`` found first, as a sentence with the field: ``spec.replicas: must be an integer, …``."""
    path = "spec"
    for part in problem["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    kind = str(problem["type"])
    asked = next(
        (ours for theirs, ours in _OF_PYDANTIC if re.fullmatch(f"{theirs}(_type|_parsing|_from_float)", kind)), None
    )
    if asked is None:
        return f"{path}: {problem['msg']}"
    return f"{path}: {mistyped(path, problem['input'], asked)}"
