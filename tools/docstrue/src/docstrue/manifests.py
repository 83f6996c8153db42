"""Manifests in the documentation: every field exists in the CRD, and has its type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from docstrue.pages import Page

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def schema(crd: Path) -> dict[str, Any]:
    """The schema of the one version of a CRD."""
    (version,) = yaml.safe_load(crd.read_text())["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return found


def mistakes(pages: list[Page], crd: Path) -> Iterator[str]:
    """Fields of ModelDeployments in YAML blocks that the CRD does not have, or not so."""
    root = schema(crd)
    for page in pages:
        for block in page.blocks("yaml"):
            for found in yaml.safe_load_all(block):
                if isinstance(found, dict) and found.get("kind") == "ModelDeployment":
                    spec = root["properties"]["spec"]
                    yield from (f"{page.path}: {why}" for why in _mistakes(found.get("spec"), spec, "spec"))


def _mistakes(value: object, expected: dict[str, Any], path: str) -> Iterator[str]:
    if expected.get("x-kubernetes-int-or-string"):
        return
    kind = expected.get("type")
    if kind in TYPES and not isinstance(value, TYPES[kind]):
        yield f"{path} should be of type {kind}, not {value!r}"
    elif isinstance(value, dict) and "properties" in expected:
        for key, inner in value.items():
            if key in expected["properties"]:
                yield from _mistakes(inner, expected["properties"][key], f"{path}.{key}")
            else:
                yield f"{path}.{key} does not exist"
        for key in set(expected.get("required", ())) - set(value):
            yield f"{path}.{key} is missing"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _mistakes(inner, expected.get("items", {}), f"{path}[{index}]")
