"""Both images can be built for arm64, and nothing that is shipped asks for another architecture."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.golden.pods.test_pod_templates import SPECS

IMAGES = ("operator", "serving-image")
LOCK = {(p["name"], p["version"]): p for p in tomllib.loads(Path("uv.lock").read_text())["package"]}


def requirements(image: str) -> Iterator[tuple[str, str, str, set[str]]]:
    """Name, version, least Python (3.11 of the default base, or newer) and digests of what is installed into an image."""
    text = (Path(image) / "requirements.txt").read_text()
    for name, version, rest in re.findall(r"^([\w.-]+)==([^\s;\\]+)(.*(?:\n    .*)*)", text, re.MULTILINE):
        python = re.search(r"python_full_version >= '3[.](\d+)'", rest)
        yield name, version, f"cp3{python[1] if python else 11}", set(re.findall(r"sha256:[0-9a-f]{64}", rest))


def runs_on_arm64(wheel: str, on: str) -> bool:
    """Whether a file is a wheel for this Python and glibc 2.28 on arm64."""
    python, abi, platform = wheel.removesuffix(".whl").rsplit("-", 3)[1:]
    fits = on in python or "py3" in python.split(".") or (abi == "abi3" and python in {"cp38", "cp39", "cp310"})
    glibc = re.search(r"manylinux_2_(\d+)_aarch64|manylinux(2014)_aarch64", platform)
    return fits and (platform == "any" or (glibc is not None and int(glibc[1] or 17) <= 28))


@pytest.mark.parametrize("image", IMAGES)
def test_every_locked_package_of_an_image_has_a_wheel_for_arm64(image: str) -> None:
    needed = list(requirements(image))
    assert len(needed) > 5
    for name, version, python, digests in needed:
        wheels = LOCK[name, version]["wheels"]
        allowed = [each["url"].rpartition("/")[2] for each in wheels if each["hash"] in digests]
        assert any(runs_on_arm64(wheel, python) for wheel in allowed), (name, version, allowed)


@pytest.mark.parametrize("image", IMAGES)
def test_no_step_of_an_image_names_an_architecture(image: str) -> None:
    assert not re.search(r"(?i)amd64|x86[-_]64|arm64|aarch64", (Path(image) / "Dockerfile").read_text())


def test_no_pod_asks_for_an_architecture_unless_its_spec_does() -> None:
    templates = Path("tests/golden/pods")
    asking = [name for name in SPECS if "kubernetes.io/arch" in (templates / f"{name}.yaml").read_text()]
    assert asking == [name for name, spec in SPECS.items() if "kubernetes.io/arch" in str(spec)]
    for file in (*Path("charts").rglob("*.yaml"), *Path("examples").rglob("*.yaml")):
        assert file.name == "crd.yaml" or "kubernetes.io/arch" not in file.read_text(), file
