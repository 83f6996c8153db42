"""The published description of the server, and the same narrowed to the one model that a server serves."""

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "docs" / "reference" / "openapi.yaml"
_BEYOND_FP32 = float(2**128 - 2**103)  # rounds to infinity; whatever is less rounds to the largest number
_ELEMENTS: dict[str, dict[str, Any]] = {
    "BOOL": {"type": "boolean"},
    "BYTES": {"type": "string"},
    "FP32": {"type": ["number", "null"], "exclusiveMinimum": -_BEYOND_FP32, "exclusiveMaximum": _BEYOND_FP32},
    "INT64": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
}


def published() -> dict[str, Any]:
    """The description as users get it."""
    return yaml.safe_load(FILE.read_text())


def named(model: dict[str, Any]) -> dict[str, Any]:
    """The description with a model's name and versions put in, so that most requests reach the model."""
    narrowed = published()
    parameters = narrowed["components"]["parameters"]
    parameters["name"]["schema"] = {"enum": [model["name"]]}
    parameters["version"]["schema"] = {"enum": [model["properties"]["version"], model["properties"]["revision"]]}
    return narrowed


def exact(model: dict[str, Any]) -> dict[str, Any]:
    """The description with a model's inputs and outputs put in too: right is what this very model takes.

    Its inputs have shapes (free, columns). Binary tensors are left out: no schema can say that the header and the body
    must agree.
    """
    narrowed = named(model)
    parts = narrowed["components"]
    del parts["requestBodies"]["Inference"]["content"]["application/octet-stream"]
    for path in narrowed["paths"].values():
        path["parameters"] = [one for one in path.get("parameters", []) if not one["$ref"].endswith("/json_length")]
    asked = parts["schemas"]["Inference"]["properties"]
    asked["inputs"] = {"anyOf": [_inputs(model["inputs"], rows) for rows in (1, 2)]}
    asked["outputs"]["items"]["properties"]["name"] = {"enum": [output["name"] for output in model["outputs"]]}
    asked["outputs"]["maxItems"] = 1  # no schema can say that the names of several must differ
    return narrowed


def with_keys(description: dict[str, Any]) -> dict[str, Any]:
    """The description of a server that asks for a key where predictions and feedback are asked for."""
    description["security"] = []
    for path in description["paths"].values():
        if "post" in path:
            path["post"]["security"] = [{"token": []}, {"key": []}]
    return description


def _inputs(inputs: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    tensors = [_input(one["name"], one["datatype"], rows, one["shape"][1]) for one in inputs]
    return {"type": "array", "prefixItems": tensors, "items": False, "minItems": len(tensors)}


def _input(name: str, datatype: str, rows: int, columns: int) -> dict[str, Any]:
    element = _ELEMENTS[datatype]
    flat, nested = _list(element, rows * columns), _list(_list(element, columns), rows)
    fixed = {"name": {"const": name}, "datatype": {"const": datatype}, "shape": {"const": [rows, columns]}}
    return {
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {**fixed, "data": {"anyOf": [flat, nested]}},
    }


def _list(item: dict[str, Any], length: int) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": length, "maxItems": length}
