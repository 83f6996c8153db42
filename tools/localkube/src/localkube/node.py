"""One node: its sandbox with containerd, kubelet, kube-proxy and DNS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from localkube import cgroups, nodeconfig
from localkube.addresses import AddressPlan
from localkube.debian import SYSTEM_PATH
from localkube.environment import SELDOM
from localkube.errors import LocalKubeError
from localkube.sandbox.box import Sandbox
from localkube.waiting import wait_until

KEY_LENGTH = 12


class Node:
    """Node `number` of a cluster; its files are in `<cluster folder>/node<number>`."""

    def __init__(self, cluster_folder: Path, plan: AddressPlan, number: int) -> None:
        self.number = number
        self.name = f"node{number}"
        self.address = plan.node(number)
        self.folder = cluster_folder / self.name
        self.box = Sandbox(self.name, self.folder)
        self._cluster_folder = cluster_folder
        self._plan = plan
        self._cgroup = f"localkube{plan.index}-{self.name}"

    def configure(self) -> None:
        """Write the configuration files and make the cgroup."""
        self.folder.mkdir(exist_ok=True)
        files = nodeconfig.Files(self._cluster_folder, self.folder, self._plan, self.number, self._cgroup)
        (self.folder / "cni").mkdir(exist_ok=True)
        (self.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(nodeconfig.cni(files), indent=1))
        (self.folder / "kubelet.json").write_text(json.dumps(nodeconfig.kubelet(files), indent=1))
        (self.folder / "resolv.conf").write_text(f"nameserver {self.address}\n")
        version = _output("containerd", "--version").split()[2]
        runc = shutil.which("runc", path=SYSTEM_PATH) or "/usr/sbin/runc"
        (self.folder / "containerd.toml").write_text(nodeconfig.containerd(files, version, runc))
        cgroups.create(self._cgroup)

    def start_containerd(self, bin_path: str) -> None:
        """Start it and wait until it answers."""
        command = ["containerd", "--config", f"{self.folder}/containerd.toml"]
        self.box.start_program("containerd", command, _environment(bin_path))
        wait_until(f"containerd of {self.name}", lambda: self._ctr("version").returncode == 0, [self.box], 60.0)

    def start_kubernetes(self, bin_path: str) -> None:
        """Start kubelet, kube-proxy and the DNS server."""
        files = nodeconfig.Files(self._cluster_folder, self.folder, self._plan, self.number, self._cgroup)
        commands = {
            "kubelet": nodeconfig.kubelet_command(files),
            "kube-proxy": nodeconfig.proxy_command(files),
            "dns": [
                sys.executable,
                "-m",
                "localkube.dns.server",
                str(self._cluster_folder),
                str(self._plan.control_plane),
                str(self.address),
            ],
        }
        for name, command in commands.items():
            self.box.start_program(name, command, _environment(bin_path))

    def import_image(self, archive: Path) -> bool:
        """Put all images of the archive into this node; False when this very archive is what it has already.

        Names of our own archives end in a hash of what is in them, `<image>-<hash>.tar`: only the same hash is skipped.
        """
        family, _, content = archive.stem.rpartition("-")
        mark = self.folder / "images" / family
        if family and mark.exists() and mark.read_text() == content:
            return False
        done = self._ctr("images", "import", str(archive.resolve()))
        if done.returncode:
            raise LocalKubeError(
                f"{archive} cannot be loaded into {self.name}: {done.stderr.strip()}", "is it an image tar?"
            )
        if len(content) == KEY_LENGTH and set(content) <= set("0123456789abcdef"):
            mark.parent.mkdir(exist_ok=True)
            mark.write_text(content)
        return True

    def end(self) -> None:
        """Kill the node and remove its cgroups; its files stay (a disk survives a power cut)."""
        self.box.end()
        cgroups.remove(self._cgroup)
        shutil.rmtree(self.folder / "run", ignore_errors=True)

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ctr", "--address", f"{self.folder}/run/containerd.sock", "--namespace", "k8s.io", *arguments]
        environment = {**os.environ, "PATH": SYSTEM_PATH}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _environment(bin_path: str) -> dict[str, str]:
    return {"PATH": f"{bin_path}:{SYSTEM_PATH}", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **SELDOM}


def _output(*command: str) -> str:
    return subprocess.run(command, env={"PATH": SYSTEM_PATH}, capture_output=True, text=True, check=True).stdout
