"""Programs that build Dockerfiles, as command lines."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from localkube.errors import LocalKubeError

Kind = Literal["docker", "podman", "buildah"]
PUBLIC_BASE = ""
"""No BASE_IMAGE argument: the Dockerfile's own default, from a public registry."""


@dataclass(frozen=True)
class Builder:
    """One way to build: the program, its storage options, and the base image."""

    kind: Kind
    program: str
    storage: tuple[str, ...] = ()
    base: str = PUBLIC_BASE

    def build(
        self, folder: Path, reference: str, mounts: Mapping[Path, str], target: str = "", context: Path | None = None
    ) -> list[str]:
        """Build the Dockerfile in `folder`, up to the stage `target` if it names one; `mounts` are files of the host that a build step sees, read-only.

        Paths in it start from `context`, or from `folder`.

        Timestamps are fixed, so that the same input gives the same layers. Docker cannot mount at build time; it has
        proxies and certificates in its own configuration.
        """
        arguments = ["--build-arg", f"BASE_IMAGE={self.base}"] if self.base else []
        arguments += [f"--target={target}"] if target else []
        arguments += [f"--file={folder / 'Dockerfile'}"] if context else []
        tag = ["--tag", reference, str(context or folder)]
        if self.kind == "docker":
            return [self.program, "build", "--build-arg", "SOURCE_DATE_EPOCH=0", *arguments, *tag]
        volumes = [f"--volume={source}:{target}:ro" for source, target in sorted(mounts.items())]
        common = ["--layers", "--timestamp=0", *volumes, *arguments, *tag]
        if self.kind == "podman":
            return [self.program, "build", *common]
        pull = ["--pull-never"] if self.base else []
        return [self.program, *self.storage, "build", "--isolation=chroot", *pull, *common]

    def save(self, reference: str, archive: Path) -> list[str]:
        """Write the image as a docker-archive, which containerd imports fastest."""
        match self.kind:
            case "docker":
                return [self.program, "save", "--output", str(archive), reference]
            case "podman":
                return [self.program, "save", "--format=docker-archive", "--output", str(archive), reference]
            case "buildah":
                return [
                    self.program,
                    *self.storage,
                    "push",
                    "--quiet",
                    reference,
                    f"docker-archive:{archive}:{reference}",
                ]


def working_engine() -> Builder | None:
    """Docker or Podman, when an engine answers (a command line without an engine is no use)."""
    probes: dict[Kind, list[str]] = {
        "docker": ["version", "--format", "{{.Server.Version}}"],
        "podman": ["info", "--format", "{{.Version.Version}}"],
    }
    for kind, arguments in probes.items():
        program = shutil.which(kind)
        if program and _succeeds([program, *arguments]):
            return Builder(kind, program)
    return None


def run(command: list[str], what: str) -> None:
    """Run a build command; its output is shown only when it fails."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise LocalKubeError(f"{what} failed ({' '.join(command[:6])} …):\n{done.stdout[-3000:]}")


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
