"""What goes into the image is used there, and what runs there needs nothing else."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SOURCES = sorted((ROOT / "serving-image/src/serin_server").rglob("*.py"))
MODULES = {
    "opentelemetry-proto": "opentelemetry",
    "protobuf": "google",
    "pyjwt": "jwt",
    "pysimdjson": "simdjson",
    "cryptography": "jwt",  # the algorithms of tokens
}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


PROJECT = tomllib.loads((ROOT / "serving-image/pyproject.toml").read_text())["project"]


def dependencies() -> list[str]:
    return [text.partition("=")[0].rstrip("><=") for text in PROJECT["dependencies"]]


@pytest.mark.parametrize("dependency", dependencies())
def test_every_package_of_the_image_is_imported_by_the_server(dependency: str) -> None:
    assert MODULES.get(dependency, dependency) in set().union(*map(imported, SOURCES))


def test_what_only_some_commands_need_is_imported_by_nothing_that_serves() -> None:
    extras = {text.partition("=")[0] for texts in PROJECT["optional-dependencies"].values() for text in texts}
    assert extras == {"onnx", "pyyaml"}
    for file in SOURCES:
        if "commands" not in file.relative_to(ROOT / "serving-image/src/serin_server").parts:
            assert not {"onnx", "yaml"} & imported(file), file


@pytest.mark.parametrize("name", ["traffic.py", "predict.py"])
def test_clients_of_the_example_run_in_the_image_on_the_standard_library_alone(name: str) -> None:
    assert imported(ROOT / "examples/breast-cancer" / name) <= set(sys.stdlib_module_names)
