"""An object held against a structural schema as the API server does: types first, and only then the rules.

What it refuses is what the API server refuses. Where that says little (types, unknown fields, numbers out of range), there are more words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as kept
from typing import Any

from kubectl_serin.rules.cel import parsed
from kubectl_serin.rules.functions import CelError
from kubectl_serin.rules.wording import UNKNOWN, as_share, elsewhere, not_known, unknown
from serin_operator.api.mistyped import mistyped

Schema = Mapping[str, Any]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True)
class Mistake:
    """What the API server would refuse."""

    field: str
    says: str
    blocks: bool = kept(default=False, compare=False)
    """Whether no rule can be asked before it is mended."""

    def __str__(self) -> str:
        """As kubectl prints it."""
        return f"{self.field}: {self.says}"


def mistakes(value: Any, schema: Schema) -> tuple[Mistake, ...]:  # noqa: ANN401 - any JSON
    """Everything that the API server would refuse of a whole object. A field that is not known keeps no rule from being asked."""
    value = as_read(value, schema)
    found = tuple(_placed(one, schema) for one in _structure(value, schema, ""))
    return found if any(one.blocks for one in found) else (*found, *_rules(value, schema, ""))


def as_read(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - any JSON
    """With integers where 3.0 is written for 3, as the API server takes it."""
    match value:
        case float() if value.is_integer() and (
            schema.get("type") == "integer" or schema.get("x-kubernetes-int-or-string")
        ):
            return int(value)
        case dict():
            properties, others = schema.get("properties", {}), schema.get("additionalProperties")
            below = {name: properties.get(name, others) for name in value}
            return {
                name: as_read(inner, below[name]) if isinstance(below[name], dict) else inner
                for name, inner in value.items()
            }
        case list():
            return [as_read(item, schema.get("items", {})) for item in value]
        case _:
            return value


def _placed(one: Mistake, schema: Schema) -> Mistake:
    name = one.field.rpartition(".")[2]
    return replace(one, says=elsewhere(name, schema)) if one.says == UNKNOWN else one


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _structure(value: Any, schema: Schema, path: str) -> Iterator[Mistake]:  # noqa: ANN401 - any JSON
    if "enum" in schema and not _is_one_of(value, schema["enum"]):
        yield Mistake(path, not_known(value, schema["enum"]), blocks=True)
        return
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield Mistake(path, f"Invalid value: {mistyped(path, value, 'integer,string')}", blocks=True)
        return
    kind = schema.get("type")
    if kind and not _is(value, kind):
        yield Mistake(path, f"Invalid value: {mistyped(path, value, kind)}", blocks=True)
    elif isinstance(value, dict):
        yield from _object(value, schema, path)
    elif isinstance(value, list):
        yield from _list(value, schema, path)
    elif isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, schema, path)


def _is(value: Any, kind: str) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _is_one_of(value: Any, known: Sequence[Any]) -> bool:  # noqa: ANN401 - any JSON
    """Whether it is, and of the same type: 0 is no false."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in known)


def _object(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Mistake]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or not (properties or others) or path == "metadata"
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield Mistake(_below(path, name), "Required value", blocks=True)
    if len(value) > schema.get("maxProperties", len(value)):
        yield Mistake(path, f"Too many: must have at most {schema['maxProperties']} items", blocks=True)
    for name, inner in value.items():
        if inner is None:
            continue  # the API server drops null
        if name in properties:
            yield from _structure(inner, properties[name], _below(path, name))
        elif isinstance(others, dict):
            yield from _structure(inner, others, _below(path, name))
        elif not is_open:
            yield Mistake(_below(path, name), unknown(name, properties))


def _list(value: list[Any], schema: Schema, path: str) -> Iterator[Mistake]:
    if len(value) > schema.get("maxItems", len(value)):
        yield Mistake(path, f"Too many: {len(value)}: must have at most {schema['maxItems']} items", blocks=True)
    if len(value) < schema.get("minItems", 0):
        yield Mistake(
            path, f"Invalid value: {path} in body should have at least {schema['minItems']} items", blocks=True
        )
    for number, item in enumerate(value):
        yield from _structure(item, schema.get("items", {}), f"{path}[{number}]")


def _text(value: str, schema: Schema, path: str) -> Iterator[Mistake]:
    if len(value) > schema.get("maxLength", len(value)):
        yield Mistake(path, f"Too long: may not be more than {schema['maxLength']} bytes", blocks=True)
    if len(value) < schema.get("minLength", 0):
        yield Mistake(path, f"Invalid value: {path} in body should be at least {schema['minLength']} chars long")


def _number(value: float, schema: Schema, path: str) -> Iterator[Mistake]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (value < least or (value == least and schema.get("exclusiveMinimum"))):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield Mistake(path, f"Invalid value: {value}: {path} in body should be {word} {least}")
    if most is not None and (value > most or (value == most and schema.get("exclusiveMaximum"))):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield Mistake(
            path, f"Invalid value: {value}: {path} in body should be {word} {most}{as_share(path, value, most)}"
        )


def _rules(value: Any, schema: Schema, path: str) -> Iterator[Mistake]:  # noqa: ANN401 - any JSON
    for rule in schema.get("x-kubernetes-validations", ()):
        if not parsed(rule["rule"])({"self": value}):
            yield Mistake(f"{path}{rule.get('fieldPath', '')}", f"Invalid value: {_message(rule, value)}")
    if isinstance(value, dict):
        for name, inner in value.items():
            below = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if isinstance(below, dict) and inner is not None:
                yield from _rules(inner, below, _below(path, name))
    if isinstance(value, list):
        yield from _twice(value, schema.get("x-kubernetes-list-map-keys", ()), path)
        for number, item in enumerate(value):
            yield from _rules(item, schema.get("items", {}), f"{path}[{number}]")


def _twice(items: list[Any], keys: Sequence[str], path: str) -> Iterator[Mistake]:
    """Items of a list that is a map, whose key stands there already."""
    seen: set[tuple[str, ...]] = set()
    for number, item in enumerate(items):
        key = tuple(str(item.get(key)) for key in keys)
        if keys and key in seen:
            yield Mistake(f"{path}[{number}]", f'Duplicate value: {{"{keys[0]}":"{key[0]}"}}')
        seen.add(key)


def _message(rule: Mapping[str, str], value: Any) -> str:  # noqa: ANN401 - any JSON
    try:
        told = parsed(rule["messageExpression"])({"self": value}) if "messageExpression" in rule else ""
    except (CelError, KeyError, IndexError):
        told = ""  # as the API server does: the plain message stands
    return str(told) or rule["message"]
