"""Buildah from Debian, on a base image made from Debian's packages: no registry, no daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from localkube.cache import cache_folder
from localkube.debian import IMAGE_BUILDER, SYSTEM_PATH, ensure_packages
from localkube.errors import LocalKubeError
from localkube.images.builders import Builder, run
from localkube.reporting import Reporter

_SUITE = "bookworm"
_REFERENCE = f"localhost/python-base:{_SUITE}"
_MIRROR = "http://deb.debian.org/debian"
# Documentation and translations: a third of the size. Licences stay.
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*")
_PACKAGES = "python3,python3-venv,ca-certificates"


def buildah_on_debian(report: Reporter) -> Builder:
    """A builder that needs nothing but Debian's mirrors (and PyPI)."""
    ensure_packages(IMAGE_BUILDER, report)
    program = shutil.which("buildah", path=SYSTEM_PATH) or "buildah"
    store = cache_folder() / "buildah"
    store.mkdir(parents=True, exist_ok=True)
    options = ("--root", f"{store}/root", "--runroot", f"{store}/run", "--storage-driver", _storage_driver(store))
    builder = Builder("buildah", program, options, _REFERENCE)
    if subprocess.run(
        [program, *options, "inspect", "--type=image", _REFERENCE], capture_output=True, check=False
    ).returncode:
        _make_base(builder, report)
    return builder


def _make_base(builder: Builder, report: Reporter) -> None:
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="base-") as folder:
        archive = Path(folder) / "root.tar"
        with report.track(f"making the base image from Debian {_SUITE} packages", None):
            _bootstrap(archive)
        (Path(folder) / "Dockerfile").write_text('FROM scratch\nADD root.tar /\nCMD ["python3"]\n')
        with report.track("storing the base image", None):
            command = [builder.program, *builder.storage, "build", "--isolation=chroot", "--timestamp=0"]
            run([*command, "--tag", _REFERENCE, folder], "storing the base image")


def _bootstrap(archive: Path) -> None:
    exclusions = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    keep = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", *exclusions, keep]
    security = f"deb http://deb.debian.org/debian-security {_SUITE}-security main"
    sources = [f"deb {_MIRROR} {_SUITE} main", f"deb {_MIRROR} {_SUITE}-updates main", security]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "PATH": SYSTEM_PATH}
    done = subprocess.run(
        [*command, _SUITE, str(archive), *sources], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalKubeError(f"mmdebstrap failed:\n{done.stderr[-1500:]}", f"is {_MIRROR} reachable?")


def _storage_driver(folder: Path) -> str:
    """Overlay, unless the cache itself lies on an overlay (inside a container), where it cannot be stacked."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False).stdout
    return "vfs" if "overlay" in kind else "overlay"
