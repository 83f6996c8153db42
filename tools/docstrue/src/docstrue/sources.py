"""What exists, read from where it is defined: settings, chart values, metrics, reasons, make targets.

Nothing is listed twice: a new setting, value, metric or reason is found here as soon as it stands in the code.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

PACKAGES = {"serin_operator": Path("operator/src"), "serin_server": Path("serving-image/src")}
METRIC = re.compile(r"serin_[a-z0-9]+(_[a-z0-9]+)*")
NO_METRICS = {"serin_operator", "serin_server", "serin_version"}
ENUMS_OF_REASONS = re.compile(r"(Reason|ConditionType|Outcome)$")


@dataclass(frozen=True, order=True, kw_only=True)
class Fact:
    """A name that a person may meet, and where it comes from."""

    kind: str
    name: str
    origin: str


def facts(root: Path) -> list[Fact]:
    """Everything that the reference has to name."""
    found = {*settings(root), *reasons(root), *metrics(root), *chart_values(root)}
    return sorted(found)


def settings(root: Path) -> Iterator[Fact]:
    """The environment variables of the classes `Settings`: pydantic settings, or a dataclass of SERIN_<FIELD>."""
    for module in _modules_with(root, "class Settings"):
        kind = module.Settings
        if issubclass(kind, BaseSettings):
            yield from _variables(kind)
        elif module.__name__.startswith("serin_server"):
            for field in dataclasses.fields(kind):
                yield Fact(kind="setting", name=f"SERIN_{field.name}".upper(), origin=f"{module.__name__}.Settings")


def _variables(kind: type[BaseSettings]) -> Iterator[Fact]:
    prefix = kind.model_config.get("env_prefix", "")
    for field, info in kind.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else None
        yield Fact(
            kind="setting", name=(alias or f"{prefix}{field}").upper(), origin=f"{kind.__module__}.{kind.__name__}"
        )


def reasons(root: Path) -> Iterator[Fact]:
    """Members of the enums of condition types, reasons, outcomes and event reasons."""
    for module in _modules_with(root, "Reason"):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, StrEnum) and kind.__module__ == module.__name__ and ENUMS_OF_REASONS.search(name):
                for member in kind:
                    yield Fact(kind="reason", name=str(member.value), origin=f"{module.__name__}.{name}")


def metrics(root: Path) -> Iterator[Fact]:
    """String literals that look like a Prometheus metric of ours."""
    for package, source in PACKAGES.items():
        for file in sorted((root / source / package).rglob("*.py")):
            text = file.read_text()
            for node in ast.walk(ast.parse(text)) if _may_name_a_metric(text) else ():
                if isinstance(node, ast.Constant) and _is_metric(node.value):
                    yield Fact(kind="metric", name=str(node.value), origin=str(file.relative_to(root)))


def _may_name_a_metric(text: str) -> bool:
    """Most files name none, and need not be parsed."""
    return any(_is_metric(match[0]) for match in METRIC.finditer(text))


def _is_metric(value: object) -> bool:
    return isinstance(value, str) and METRIC.fullmatch(value) is not None and value not in NO_METRICS


def chart_values(root: Path) -> Iterator[Fact]:
    """Dotted paths of the leaves of values.yaml."""
    file = Path("charts/serin/values.yaml")
    if (root / file).exists():
        for path in _leaves(yaml.safe_load((root / file).read_text()) or {}):
            yield Fact(kind="chart value", name=path, origin=str(file))


def _leaves(values: object, above: str = "") -> Iterator[str]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from _leaves(value, f"{above}.{key}" if above else key)
    else:
        yield above


def make_targets(root: Path) -> set[str]:
    """Targets that a person can call."""
    return set(re.findall(r"^([a-z][a-z0-9-]*):", (root / "Makefile").read_text(), re.MULTILINE))


def _modules_with(root: Path, word: str) -> Iterator[Any]:
    """Import the modules whose source has the word; the others stay unloaded, so that the check is quick."""
    for package, source in PACKAGES.items():
        for file in sorted((root / source / package).rglob("*.py")):
            if word in file.read_text():
                parts = file.relative_to(root / source).with_suffix("").parts
                yield importlib.import_module(".".join(part for part in parts if part != "__init__"))
