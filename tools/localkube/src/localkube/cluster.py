"""A cluster from `up` to `down`."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from localkube import controlplaneconfig, network, state
from localkube.addons.install import Installer
from localkube.addons.registry import named as addon_named
from localkube.addresses import MOST_NODES, AddressPlan
from localkube.apiclient import ApiClient
from localkube.binaries.bundles import kubernetes
from localkube.binaries.find import programs_folder
from localkube.clients import Clients
from localkube.controlplane import ControlPlane
from localkube.debian import CONTROL_PLANE, NODE, ensure_packages
from localkube.errors import LocalKubeError
from localkube.images.small import pause_archive
from localkube.kubeconfig import write_kubeconfig
from localkube.node import Node
from localkube.nodegroup import NodeGroup
from localkube.pki import write_pki
from localkube.processes import ProcessId
from localkube.reporting import Quiet, Reporter
from localkube.sandbox.box import Sandbox

_COMPONENTS = ("kube-controller-manager", "kube-scheduler", "kube-proxy")


class Cluster:
    """A running (or stopped) cluster of this machine. Made by `up` or found by `open`."""

    def __init__(self, record: state.Record, report: Reporter) -> None:
        self.record = record
        self.name = record.name
        self.plan: AddressPlan = record.plan
        self.folder = state.folder_of(record.name)
        self.control_plane = ControlPlane(self.folder, self.plan, record.bin_path)
        self._group = NodeGroup(self.folder, record, self.control_plane, report)
        self.nodes = self._group.nodes
        self._report = report
        self._clients = Clients(self.folder, record.bin_path, report)

    # ------------------------------------------------------------------ making, finding, ending

    @classmethod
    def up(
        cls,
        name: str = "serin",
        nodes: int = 1,
        *,
        spare: int = 0,
        images: Iterable[Path] = (),
        owner: ProcessId | None = None,
        report: Reporter | None = None,
    ) -> Cluster:
        """Start a cluster and return when it is ready; with `nodes=0` a control plane only.

        `images` are archives that every node gets before its kubelet starts. `spare` nodes more are made room for, and
        start with `start_node`. A cluster with an `owner` is ended by the
        next `up` on this machine if that process has gone without ending it.
        """
        report = report or Quiet()
        _refuse_impossible(nodes + spare)
        bin_path = str(programs_folder(kubernetes(), _needed_programs(nodes), report))
        ensure_packages(CONTROL_PLANE | (NODE if nodes else {}), report)
        end_orphans(report)
        with state.exclusive(name):
            if (record := state.read(name)) is not None:
                return cls(record, report)._resumed(nodes + spare, images)  # noqa: SLF001 - our own
            record = state.claim(name, nodes + spare, bin_path, owner, network.routed_ranges())
            cluster = cls(record, report)
            try:
                cluster._start(cluster.nodes[:nodes], tuple(images))
            except BaseException:
                cluster._remove(keep_logs=True)
                raise
            return cluster

    @classmethod
    def open(cls, name: str = "serin", report: Reporter | None = None) -> Cluster:
        """The cluster with this name, which must exist."""
        record = state.read(name)
        if record is None:
            names = ", ".join(each.name for each in state.all_records()) or "none"
            raise LocalKubeError(f"there is no cluster {name!r} (there are: {names})", f"localkube up --name {name}")
        return cls(record, report or Quiet())

    def down(self) -> None:
        """End every process of the cluster and remove what it left: links, cgroups, files. Twice is fine."""
        with state.exclusive(self.name):
            if state.read(self.name) == self.record:
                self._remove(keep_logs=False)

    # ------------------------------------------------------------------ using

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, self-contained."""
        return self.folder / "kubeconfig"

    @property
    def server(self) -> str:
        """URL of the API server, reachable from this machine."""
        return f"https://{self.plan.control_plane}:6443"

    @property
    def api(self) -> ApiClient:
        """For the questions that kubectl is too slow for."""
        return self.control_plane.api

    def environment(self) -> dict[str, str]:
        """This process's environment with KUBECONFIG set, and kubectl and Helm (once it is there) first on PATH."""
        return self._clients.environment()

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        """Run kubectl with this cluster's kubeconfig and give its output; `text` goes to its standard input."""
        return self._clients.kubectl(arguments, text, check=check)

    def helm(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        """Run Helm with this cluster's kubeconfig; the program is fetched or built on first use."""
        return self._clients.helm(arguments, text, check=check)

    def load_image(self, archive: Path, nodes: Iterable[str] | None = None) -> None:
        """Put the images of an archive (docker-archive or OCI, tar) into the running nodes, or those named."""
        chosen = [node for node in self._group.running() if nodes is None or node.name in set(nodes)]
        self._group.load([archive], chosen)

    def add(self, name: str) -> str:
        """Install an add-on (`localkube.addons.registry`); its URL as this machine reaches it. Twice is fine."""
        return Installer(self._clients, self.load_image, self._report).install(addon_named(name))

    # ------------------------------------------------------------------ trouble on purpose

    def stop_apiserver(self) -> None:
        """Stop kube-apiserver alone; nodes, pods and etcd go on."""
        self.control_plane.stop_apiserver()
        self._report.say("kube-apiserver stopped")

    def start_apiserver(self) -> None:
        """Start kube-apiserver; controller-manager and scheduler begin anew, as they do elsewhere after an outage."""
        self.control_plane.start_apiserver()
        self._report.say("kube-apiserver ready")

    def restart_control_plane(self) -> None:
        """Stop and start etcd, kube-apiserver, controller-manager and scheduler; the data stays."""
        self.control_plane.restart()
        self._report.say("control plane ready again")

    def stop_node(self, name: str) -> None:
        """Pull the plug of a node: every process on it is killed at once, its containers too."""
        self.node(name).end()
        self._group.route()
        self._report.say(f"{name} stopped")

    def start_node(self, name: str, images: Iterable[Path] = ()) -> None:
        """Start a node that was stopped: a machine that comes back with its disk (images) but after a reboot; or a spare one."""
        node = self.node(name)
        if node.box.pid is None:
            self._group.prepare([node], [pause_archive(), *images])
            self._group.run([node])

    def node(self, name: str) -> Node:
        """The node with this name."""
        return self._group.named(name)

    def status(self) -> dict[str, Any]:
        """What runs, for people and programs."""
        boxes = [self.control_plane.box, *(node.box for node in self.nodes)]
        return {
            "name": self.name,
            "server": self.server,
            "kubeconfig": str(self.kubeconfig),
            "ready": self.control_plane.box.pid is not None and self.api.is_ready(),
            "machines": {box.name: _status_of(box) for box in boxes},
        }

    # ------------------------------------------------------------------ inside

    def _start(self, nodes: list[Node], images: tuple[Path, ...]) -> None:
        pki = self.folder / "pki"
        write_pki(pki, self.plan, self.record.nodes)
        for user in (*_COMPONENTS, *(node.name for node in self.nodes)):
            write_kubeconfig(self.folder / f"{user}.kubeconfig", pki, self.server, user, self.name)
        write_kubeconfig(self.kubeconfig, pki, self.server, "admin", self.name)
        self.control_plane.begin()
        # While the control plane starts. Images come before the kubelet: it may stumble over a mount of an import.
        self._group.prepare(nodes, (pause_archive(), *images) if nodes else ())
        self.control_plane.finish()
        self._report.say("kube-apiserver ready")
        if nodes:
            self.kubectl(
                "create",
                "clusterrolebinding",
                "kube-proxy",
                "--clusterrole=system:node-proxier",
                "--user=system:kube-proxy",
            )
            self._group.run(nodes)
        self.control_plane.wait_for_service_accounts()
        self._report.say(f"cluster {self.name} is ready: export KUBECONFIG={self.kubeconfig}")

    def _resumed(self, nodes: int, images: Iterable[Path]) -> Cluster:
        """The same cluster again: whatever of it does not run is started, its data kept."""
        if nodes != self.record.nodes:
            raise LocalKubeError(
                f"cluster {self.name} is there with {self.record.nodes} nodes, not {nodes}",
                f"localkube down --name {self.name}, or another --name",
            )
        if self.control_plane.box.pid is None:
            raise LocalKubeError(
                f"cluster {self.name} was left half dead (its control plane does not run)",
                f"localkube down --name {self.name}",
            )
        if not self.api.is_ready():
            self.restart_control_plane()
        stopped = self._group.stopped()
        self._group.prepare(stopped, ())
        self._group.run(stopped)
        self._group.load(images, self.nodes)
        self._report.say(f"cluster {self.name} was up already")
        return self

    def _remove(self, *, keep_logs: bool) -> None:
        self._group.end()
        self.control_plane.box.end()
        network.remove_link(self.plan.host_link)
        if keep_logs:
            kept = state.state_root() / "failed" / self.name
            shutil.rmtree(kept, ignore_errors=True)
            with contextlib.suppress(shutil.Error):
                shutil.copytree(self.folder, kept, ignore=shutil.ignore_patterns(*_SECRET_OR_BIG), dirs_exist_ok=True)
            self._report.say(f"logs kept in {kept}")
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            raise LocalKubeError(f"{self.folder} could not be removed whole", "something holds a mount or a file in it")
        state.forget(self.name)
        self._report.say(f"cluster {self.name} is gone")


_SECRET_OR_BIG = [
    "etcd",
    "containerd",
    "kubelet",
    "pki",
    "*.sock",
    "*.kubeconfig",
    "kubeconfig",
    "run",
    "var-lib",
    "client-cache",
]


def end_orphans(report: Reporter) -> None:
    """End clusters whose owner was killed before it could."""
    for record in state.all_records():
        if record.is_orphan:
            report.say(f"ending cluster {record.name}: the process that started it is gone")
            Cluster(record, report).down()


def _status_of(box: Sandbox) -> dict[str, Any]:
    if box.pid is None:
        return {"running": False}
    running, ended = box.programs()
    return {"running": True, "pid": box.pid, "programs": sorted(running), "ended": ended}


def _needed_programs(nodes: int) -> tuple[str, ...]:
    return (*controlplaneconfig.PROGRAMS, "kubectl", *(("kubelet", "kube-proxy") if nodes else ()))


def _refuse_impossible(nodes: int) -> None:
    if not 0 <= nodes <= MOST_NODES:
        raise LocalKubeError(f"{nodes} nodes are not possible", f"0 (control plane only) to {MOST_NODES}")
    if os.uname().sysname != "Linux" or os.geteuid() != 0:
        raise LocalKubeError(
            "a local cluster needs Linux and root (namespaces, mounts, links)",
            "run as root (sudo --preserve-env=PATH,HOME make …), or use a cluster of your own: CLUSTER=current",
        )
