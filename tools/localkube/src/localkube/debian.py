"""Programs that Debian packages: installed with apt-get when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localkube.cache import cache_folder, locked
from localkube.errors import LocalKubeError
from localkube.reporting import Reporter

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CONTROL_PLANE = {"etcd": "etcd-server", "ip": "iproute2", "unshare": "util-linux", "mount": "mount"}
NODE = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "socat": "socat",
    "modprobe": "kmod",
    "/usr/bin/catatonit": "catatonit",
    "/bin/busybox": "busybox-static",
}
IMAGE_BUILDER = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", _KEYRING: "debian-archive-keyring"}

_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_TEXT = "#!/bin/sh\n# localkube: no service is started while it installs packages\nexit 101\n"


def missing_packages(wanted: dict[str, str]) -> list[str]:
    """Packages of those programs (a name on the path, or a whole path) that are not there."""
    return sorted(
        {
            package
            for program, package in wanted.items()
            if not (Path(program).exists() if program.startswith("/") else shutil.which(program, path=SYSTEM_PATH))
        }
    )


def ensure_packages(wanted: dict[str, str], report: Reporter) -> None:
    """Install what is missing, or say which packages are, and how to get them."""
    if not missing_packages(wanted):
        return
    with locked(cache_folder() / ".apt.lock"):
        packages = missing_packages(wanted)
        if not packages:
            return
        way_out = f"install them yourself; on Debian and Ubuntu: apt-get install {' '.join(packages)}"
        if os.geteuid() != 0 or not shutil.which("apt-get", path=SYSTEM_PATH):
            raise LocalKubeError(f"these packages are missing: {', '.join(packages)}", way_out)
        with report.track(f"installing Debian packages: {', '.join(packages)}", None), _no_services_start():
            if _apt_get(_install(packages)).returncode:
                _apt_get(["update"])  # package lists are missing or old
                done = _apt_get(_install(packages))
                if done.returncode:
                    raise LocalKubeError(f"apt-get install failed:\n{done.stdout[-1500:]}", way_out)


def _install(packages: Iterable[str]) -> list[str]:
    return ["install", "--yes", "--no-install-recommends", *packages]


def _apt_get(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH, "NEEDRESTART_SUSPEND": "1"}
    return subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )


@contextmanager
def _no_services_start() -> Iterator[None]:
    """Debian's way to keep `postinst` from starting etcd and containerd; a policy of the administrator's own is respected."""
    ours = not _POLICY.exists() or _POLICY.read_text(errors="replace") == _POLICY_TEXT
    if ours:
        _POLICY.write_text(_POLICY_TEXT)
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)
