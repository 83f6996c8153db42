"""Whatever a message or a page calls ``spec.…`` is a field that can be written."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from serin_operator.api.crd import object_schema
from serin_operator.api.schema import fields

SOURCES = sorted([*Path("operator/src").rglob("*.py"), *Path("serving-image/src").rglob("*.py")])
PAGES = sorted([*Path("docs").rglob("*.md"), Path("README.md"), Path("CHANGELOG.md"), Path("SECURITY.md")])
OF_OTHER_KINDS = {"spec.containers", "spec.initContainers"}
"""Where a pod's events say which container they are about."""
PATH = re.compile(r"(?<![\w.$/-])spec((?:\.[a-z][A-Za-z0-9]*(?:\[\])?)+)")
SHORT = re.compile(r"(?<![\w./$`-])((?:rollout|runtime|analysis)(?:\.[a-z][A-Za-z0-9]*(?:\[\])?)+)(?![\w(/])")
MAY_NAME_FIELDS = re.compile(r"\b(spec|rollout|runtime|analysis)\.")
FIELDS = {path.replace("[]", "") for path, _ in fields(object_schema())}


def strings(text: str) -> Iterator[str]:
    if MAY_NAME_FIELDS.search(text):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def exists(path: str) -> bool:
    """Whether the field, or the map whose keys end the path, is in the schema."""
    name = path.replace("[]", "")
    maps = {"spec.runtime.resources.limits", "spec.runtime.resources.requests", "spec.runtime.nodeSelector"}
    return name in FIELDS or name in OF_OTHER_KINDS or name.rpartition(".")[0] in maps


def unknown(text: str) -> set[str]:
    said = {f"spec{match[1]}" for match in PATH.finditer(text)}
    return {path for path in said if not exists(path)}


def unknown_in(file: Path) -> set[str]:
    told = list(strings(file.read_text()))
    wrong = {path for text in told for path in unknown(text)}
    if "api/" not in str(file):
        short = {f"spec.{match[1]}" for text in told for match in SHORT.finditer(text)}
        wrong |= {path for path in short if not exists(path)}
    return wrong


def test_fields_that_messages_name_exist() -> None:
    assert {str(file): wrong for file in SOURCES if (wrong := unknown_in(file))} == {}


def test_fields_that_pages_name_exist() -> None:
    assert {str(page): wrong for page in PAGES if (wrong := unknown(page.read_text()))} == {}


@pytest.mark.parametrize("wrong", ["spec.model.headersSecret", "spec.rollouts", "spec.runtime.env[].values"])
def test_a_field_that_does_not_exist_is_noticed(wrong: str) -> None:
    assert unknown(f"correct {wrong}, please") == {wrong}
