"""All images can be built for arm64 on a base that is pinned, and nothing that is shipped asks for another architecture."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.golden.pods.test_pod_templates import SPECS

REQUIREMENTS = {
    "operator": "operator/requirements.txt",
    "server": "serving-image/requirements.txt",
    "collector": "serving-image/requirements-collector.txt",
    "page for everybody": "ui/requirements.txt",
}
LOCK = {(p["name"], p["version"]): p for p in tomllib.loads(Path("uv.lock").read_text())["package"]}


def requirements(file: str) -> Iterator[tuple[str, str, str, set[str]]]:
    """Name, version, least Python (3.11 of the default base, or newer) and digests of what is installed into an image."""
    text = Path(file).read_text()
    for name, version, rest in re.findall(r"^([\w.-]+)==([^\s;\\]+)(.*(?:\n    .*)*)", text, re.MULTILINE):
        python = re.search(r"python_full_version >= '3[.](\d+)'", rest)
        yield name, version, f"cp3{python[1] if python else 11}", set(re.findall(r"sha256:[0-9a-f]{64}", rest))


def runs_on_arm64(wheel: str, on: str) -> bool:
    """Whether a file is a wheel for this Python and glibc 2.28 on arm64."""
    python, abi, platform = wheel.removesuffix(".whl").rsplit("-", 3)[1:]
    fits = on in python or "py3" in python.split(".") or (abi == "abi3" and python in {"cp38", "cp39", "cp310"})
    glibc = re.search(r"manylinux_2_(\d+)_aarch64|manylinux(2014)_aarch64", platform)
    return fits and (platform == "any" or (glibc is not None and int(glibc[1] or 17) <= 28))


def without_arm64(file: str) -> list[str]:
    """What is installed into an image, and has no wheel for arm64."""
    lacking = []
    for name, version, python, digests in requirements(file):
        wheels = LOCK[name, version]["wheels"]
        allowed = [each["url"].rpartition("/")[2] for each in wheels if each["hash"] in digests]
        if not any(runs_on_arm64(wheel, python) for wheel in allowed):
            lacking.append(f"{name} {version}")
    return lacking


@pytest.mark.parametrize("file", REQUIREMENTS.values(), ids=REQUIREMENTS)
def test_every_locked_package_of_an_image_has_a_wheel_for_arm64(file: str) -> None:
    assert len(list(requirements(file))) > 5
    assert without_arm64(file) == []


def test_what_has_no_wheel_for_arm64_is_named() -> None:
    lacking = without_arm64("serving-image/requirements-cuda.txt")
    assert any(name.startswith("onnxruntime-gpu ") for name in lacking), lacking


@pytest.mark.parametrize(
    "file", ["operator/Dockerfile", "serving-image/Dockerfile", "serving-image/install.sh", "ui/Dockerfile"]
)
def test_no_step_of_an_image_names_an_architecture(file: str) -> None:
    assert not re.search(r"(?i)amd64|x86[-_]64|arm64|aarch64", Path(file).read_text())


@pytest.mark.parametrize("file", ["operator/Dockerfile", "serving-image/Dockerfile", "ui/Dockerfile"])
def test_every_stage_begins_with_the_base_that_whoever_builds_has_named(file: str) -> None:
    text = Path(file).read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {"${BASE_IMAGE}", *stages}


def release(base: str) -> "subprocess.CompletedProcess[str]":
    """What `make release-images` would have Docker do."""
    command = ["make", "--no-print-directory", "release-images", f"BASE_IMAGE={base}", "DOCKER=echo", "TAG=1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize(
    "base", ["", "python:3.11", "python@sha256:123", f"@sha256:{64 * 'a'}", f"a b@sha256:{64 * 'a'}"]
)
def test_images_are_released_on_no_base_whose_bytes_may_change(base: str) -> None:
    done = release(base)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not pinned: give it by digest" in done.stderr


def test_all_images_are_released_for_both_machines_on_the_base_that_is_named() -> None:
    base = f"docker.io/library/python:3.11-slim-bookworm@sha256:{64 * 'a'}"
    done = release(base)
    told = [line for line in done.stdout.splitlines() if line.startswith("buildx")]
    assert [re.search(r"serin-\w+:1", line)[0] for line in told] == [
        "serin-operator:1", "serin-server:1", "serin-collector:1", "serin-ui:1"
    ]  # fmt: skip
    for line in told:
        assert f"BASE_IMAGE={base} " in line
        assert "--platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max" in line


def test_no_pod_asks_for_an_architecture_unless_its_spec_does() -> None:
    templates = Path("tests/golden/pods")
    asking = [name for name in SPECS if "kubernetes.io/arch" in (templates / f"{name}.yaml").read_text()]
    assert asking == [name for name, spec in SPECS.items() if "kubernetes.io/arch" in str(spec)]
    for file in (*Path("charts").rglob("*.yaml"), *Path("examples").rglob("*.yaml")):
        assert file.name == "crd.yaml" or "kubernetes.io/arch" not in file.read_text(), file
