"""All nodes of a cluster: how they are joined, started, given images, and ended."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from localkube import network
from localkube.controlplane import ControlPlane
from localkube.errors import LocalKubeError
from localkube.node import Node
from localkube.reporting import Reporter
from localkube.state import Record
from localkube.waiting import wait_until

_IMPORTS_AT_ONCE = 2


class NodeGroup:
    """Node 1 to however many, none for a control plane only."""

    def __init__(self, folder: Path, record: Record, control_plane: ControlPlane, report: Reporter) -> None:
        self.nodes = [Node(folder, record.plan, number) for number in range(1, record.nodes + 1)]
        self._plan = record.plan
        self._control_plane = control_plane
        self._bin_path = record.bin_path
        self._report = report

    def named(self, name: str) -> Node:
        """The node with this name."""
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes) or "none: it is a control plane only"
        raise LocalKubeError(f"the cluster has no node {name!r} (it has: {names})", "name one of those")

    def running(self) -> list[Node]:
        """Those that run."""
        return [node for node in self.nodes if node.box.pid]

    def stopped(self) -> list[Node]:
        """Those that do not."""
        return [node for node in self.nodes if not node.box.pid]

    def prepare(self, nodes: Iterable[Node], images: Iterable[Path]) -> None:
        """Namespaces, links, containerd, images; needs the control plane's sandbox, not its API."""
        nodes = list(nodes)
        for node in nodes:
            node.configure()
            pid = node.box.start(runs_containers=True)
            numbers = [each.number for each in self.nodes]
            at_bridge, within = network.node_links(self._plan, node.number, pid, numbers)
            network.run_batch(at_bridge, self._control_plane.pid)
            network.run_batch(within, pid)
            node.start_containerd(self._bin_path)
            self.route()
        self.load(images, nodes)

    def run(self, nodes: Iterable[Node]) -> None:
        """Kubelet, kube-proxy and DNS; returns when the nodes are Ready."""
        since, nodes, api = time.time(), list(nodes), self._control_plane.api
        for node in nodes:
            node.start_kubernetes(self._bin_path)
        for node in nodes:
            wait_until(f"{node.name} Ready", partial(api.is_node_ready, node.name, since), [node.box])
            self._report.say(f"{node.name} Ready")

    def load(self, archives: Iterable[Path], nodes: Iterable[Node]) -> None:
        """Every archive into every node, two at a time: an import keeps one core busy with checksums."""
        nodes = list(nodes)

        def into_all(archive: Path) -> None:
            imported = [node.import_image(archive) for node in nodes]
            if any(imported):
                self._report.say(f"image loaded: {archive.name}")

        if nodes:
            with ThreadPoolExecutor(_IMPORTS_AT_ONCE) as pool:
                list(pool.map(into_all, archives))

    def route(self) -> None:
        """Point the ranges of pods and Services at nodes that run, on the host and in the control plane."""
        commands = network.routes_to_pods_and_services(self._plan, [node.number for node in self.running()])
        if commands:
            network.run_batch(commands)
            network.run_batch(commands, self._control_plane.pid)

    def end(self) -> None:
        """Kill all of them."""
        for node in reversed(self.nodes):
            node.end()
