"""From pydantic models to the structural schema that a CustomResourceDefinition wants.

``model_json_schema()`` is not structural: it has ``$defs``, ``anyOf`` with null, titles, defaults and numeric
``exclusiveMinimum``. This turns it into the dialect of apiextensions, and refuses what has no counterpart there.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_COPIED: Final = ("minLength", "maxLength", "minItems", "maxItems", "maxProperties", "minimum", "maximum", "enum")
_KNOWN: Final = frozenset(
    (
        *_COPIED,
        *("type", "title", "default", "description", "properties", "required", "items", "additionalProperties"),
        *("exclusiveMinimum", "exclusiveMaximum", "anyOf", "$ref"),
    )
)
QUANTITY_LENGTH: Final = 63
"""Longest quantity: bounds what CEL rules on it can cost."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, with nothing by reference and no default.

    Raises:
        ValueError: The model uses something that a structural schema cannot say; the message names where.
    """
    source = _json_schema(model)
    return _convert(source, source.get("$defs", {}), model.__name__)


@cache
def _json_schema(model: type[BaseModel]) -> Schema:
    """Read, never changed: it takes a tenth of a second."""
    return model.model_json_schema(by_alias=True)


def _convert(source: Mapping[str, Any], definitions: Mapping[str, Schema], path: str) -> Schema:
    node = _resolved(source, definitions, path)
    if unknown := set(node) - _KNOWN - {"$defs"}:
        raise ValueError(f"{path}: a structural schema has no {', '.join(sorted(unknown))}")
    schema: Schema = {}
    if description := node.get("description"):
        schema["description"] = " ".join(description.split())
    if node.get("anyOf") == _INT_OR_STRING:
        return schema | {"anyOf": _INT_OR_STRING, "x-kubernetes-int-or-string": True, "maxLength": QUANTITY_LENGTH}
    if not all(isinstance(value, str) for value in node.get("enum", ())):
        # Words and a boolean: a structural schema has one type or none, and none is only said like this.
        return schema | {"enum": list(node["enum"]), "x-kubernetes-preserve-unknown-fields": True}
    if "type" not in node:
        raise ValueError(f"{path}: exactly one type is needed, not {source}")
    schema["type"] = node["type"]
    schema |= {key: node[key] for key in _COPIED if key in node}
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in node:
            schema |= {bound: node[exclusive], exclusive: True}
    if node["type"] == "object":
        schema |= _object(node, definitions, path)
    if "items" in node:
        schema["items"] = _convert(node["items"], definitions, f"{path}[]")
    return schema


def _object(node: Mapping[str, Any], definitions: Mapping[str, Schema], path: str) -> Schema:
    if "properties" in node:
        properties = {
            name: _convert(inner, definitions, f"{path}.{name}") for name, inner in node["properties"].items()
        }
        required = {"required": list(node["required"])} if "required" in node else {}
        return {"properties": properties, **required}
    values = node.get("additionalProperties", True)
    if values is True:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"additionalProperties": _convert(values, definitions, f"{path}{{}}")}


def _resolved(source: Mapping[str, Any], definitions: Mapping[str, Schema], path: str) -> Schema:
    """The node with its reference and its ``or null`` taken away; what stands beside them wins over what is behind."""
    node = dict(source)
    if "anyOf" in node:
        present = [each for each in node["anyOf"] if each != {"type": "null"}]
        if len(present) == 1:
            del node["anyOf"]
            return _resolved({**present[0], **node}, definitions, path)
        node["anyOf"] = [{"type": each.get("type")} for each in present]
    if reference := node.pop("$ref", None):
        behind = definitions[reference.removeprefix("#/$defs/")]
        return _resolved({**behind, **node}, definitions, path)
    return node


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every node with its path: ``spec.rollout.steps[].weight``; ``{}`` stands for the values of a map."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from fields(schema["additionalProperties"], f"{path}{{}}")
