"""Images of one program each: pause, BusyBox for tests, and what add-ons run."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localkube.binaries.bundles import Bundle, go_architecture, prometheus, versitygw
from localkube.binaries.find import programs_folder
from localkube.cache import cache_folder, locked
from localkube.debian import NODE, ensure_packages
from localkube.images.libraries import shared_libraries
from localkube.images.oci import Image, write_archive
from localkube.nodeconfig import PAUSE_IMAGE
from localkube.reporting import Reporter

BUSYBOX_IMAGE = "localhost/busybox:local"
_CATATONIT = Path("/usr/bin/catatonit")
_BUSYBOX = Path("/bin/busybox")


def pause_archive() -> Path:
    """The process that holds a pod's namespaces open and reaps its orphans (Debian's catatonit, which Podman uses so)."""
    return _cached(
        Image(
            PAUSE_IMAGE,
            go_architecture(),
            {"catatonit": _CATATONIT},
            entrypoint=("/catatonit", "-P"),
            user="65535:65535",
        )
    )


def busybox_archive(report: Reporter) -> Path:
    """A shell, a web server and the usual tools in 2 MB: enough for tests of a cluster."""
    ensure_packages({str(_BUSYBOX): NODE[str(_BUSYBOX)]}, report)  # tests ask before a node has been started
    applets = subprocess.run([str(_BUSYBOX), "--list"], capture_output=True, text=True, check=True).stdout.split()
    links = {f"bin/{applet}": "/bin/busybox" for applet in applets if applet != "busybox"}
    return _cached(Image(BUSYBOX_IMAGE, go_architecture(), {"bin/busybox": _BUSYBOX}, links, folders=("tmp",)))


@dataclass(frozen=True)
class ProgramImage:
    """An image of one program out of a bundle, with the shared libraries that it needs."""

    reference: str
    bundle: Callable[[], Bundle]
    program: str
    path: str
    """Where it lies in the image, without the leading slash."""
    folders: tuple[str, ...] = ()
    """Folders that anyone may write to."""
    user: str = "65532:65532"


PROMETHEUS = ProgramImage(
    "localhost/prometheus:local", prometheus, "prometheus", "bin/prometheus", folders=("prometheus",)
)
VERSITYGW = ProgramImage("localhost/versitygw:local", versitygw, "versitygw", "usr/local/bin/versitygw")
"""The program lies where its publisher's image has it, so that one manifest suits both."""


def program_archive(image: ProgramImage, report: Reporter) -> Path:
    """The archive of an image; its program is fetched or built on first use."""
    program = programs_folder(image.bundle(), [image.program], report) / image.program
    files = {**shared_libraries(program), image.path: program}
    return _cached(
        Image(
            image.reference,
            go_architecture(),
            files,
            folders=image.folders,
            entrypoint=(f"/{image.path}",),
            user=image.user,
        )
    )


def _cached(image: Image) -> Path:
    """The archive of the image, written unless one of the same description and the same program is there."""
    folder = cache_folder() / "images"
    name = image.reference.rpartition("/")[2].partition(":")[0]
    target = folder / f"{name}-{_key(image)}.tar"
    if not target.exists():
        with locked(folder / f".{name}.lock"):
            if not target.exists():
                write_archive(image, target)
    return target


def _key(image: Image) -> str:
    """Changes when anything that goes in changes; size and time stand for the content of the programs."""
    stats = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in image.programs.values()]
    return hashlib.sha256(repr((image, stats)).encode()).hexdigest()[:12]
