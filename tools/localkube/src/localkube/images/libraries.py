"""Shared libraries of a program that is not static: an image without a distribution has to bring them along."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from localkube.errors import LocalKubeError

_PATH = re.compile(r"(/\S+) \(0x[0-9a-f]+\)$")


def shared_libraries(program: Path) -> dict[str, Path]:
    """Path in an image (without the leading slash) -> file of this machine; none for a static program.

    Paths stay what they are here: that is where the loader, which comes from this machine too, looks for them.
    """
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if done.returncode and not is_static(done.stdout + done.stderr):
        raise LocalKubeError(
            f"{program.name} does not run on this machine: {(done.stderr or done.stdout).strip()}",
            f"put a {program.name} that does into a folder, and name it in LOCALKUBE_BIN",
        )
    return libraries_in(done.stdout)


def is_static(text: str) -> bool:
    """Whether ldd says that a program needs no libraries (glibc's and musl's words)."""
    return "not a dynamic executable" in text or "Not a valid dynamic program" in text or "statically linked" in text


def libraries_in(text: str) -> dict[str, Path]:
    """The files in an answer of ldd. Raises `LocalKubeError` for one that is missing."""
    found: dict[str, Path] = {}
    for line in text.splitlines():
        if line.endswith("not found"):
            raise LocalKubeError(f"a library is missing on this machine: {line.strip()}")
        if match := _PATH.search(line):
            found[match[1].lstrip("/")] = Path(match[1]).resolve()
    return found
