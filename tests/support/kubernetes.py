"""A Kubernetes for tests.

- `control_plane`: API server, etcd and controllers, no nodes; ready in seconds. One a test session.
- `cluster`: nodes with both images loaded and Prometheus running. One a test session. With `CLUSTER=current` it is the
  cluster of the current kubeconfig context instead (images and Prometheus are then that cluster's affair).

Parallel workers (pytest -n) are sessions of their own, each with a cluster of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from tests.support import questions

from localkube import Cluster
from localkube.images.build import build_images
from localkube.images.small import busybox_archive
from localkube.processes import myself
from localkube.reporting import Reporter, ToTerminal

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


@dataclass(frozen=True)
class Kubernetes:
    """What a test may do with a cluster; `local` is None when it is not ours to break."""

    environment: Mapping[str, str]
    local: Cluster | None = None
    prometheus_url: str = ""

    @property
    def kubeconfig(self) -> str:
        """Path of the kubeconfig, empty for kubectl's own default."""
        return self.environment.get("KUBECONFIG", "")

    def run(self, *command: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program with KUBECONFIG and PATH set."""
        done = subprocess.run(
            command, input=text, text=True, capture_output=True, env=dict(self.environment), check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Output of kubectl; fails the test when kubectl fails."""
        return self.run("kubectl", *arguments, text=text).stdout

    def refused(self, *arguments: str, text: str | None = None) -> str:
        """The error message of a kubectl that must fail."""
        done = self.run("kubectl", *arguments, text=text, check=False)
        assert done.returncode, f"kubectl {' '.join(arguments)} was not refused:\n{done.stdout}"
        return done.stderr

    def get(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, parsed; of our own cluster asked as its administrator without kubectl, where that is as good."""
        if self.local is not None and self.kubeconfig == str(self.local.kubeconfig):
            found = questions.answer(self.local, arguments)
            if found is not None:
                return found
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *objects: Mapping[str, Any] | str) -> str:
        """Apply objects (mappings, or YAML text)."""
        text = "\n---\n".join(each if isinstance(each, str) else yaml.safe_dump(dict(each)) for each in objects)
        return self.kubectl("apply", "-f", "-", text=text)

    def helm(self, *arguments: str) -> str:
        """Output of helm."""
        if self.local is not None:
            return self.local.helm(*arguments)
        return self.run("helm", *arguments).stdout

    def wait_for(self, what: str, probe: Callable[[], T], seconds: float = 60.0, every: float = 0.2) -> T:
        """Poll until the probe gives something true; what it gave. A probe that raises AssertionError says `not yet`."""
        until, last = time.monotonic() + seconds, ""
        while time.monotonic() < until:
            try:
                if found := probe():
                    return found
            except AssertionError as error:
                last = f"; last: {error}"
            time.sleep(every)
        raise AssertionError(f"not within {seconds:.0f} s: {what}{last}")


def uses_current_context() -> bool:
    """Whether the tests were told to use the cluster of the current kubeconfig context."""
    return os.environ.get("CLUSTER") == "current"


def session_name(kind: str) -> str:
    """A name that no other session can have: the process that runs the tests is in it."""
    me = myself()
    return f"test-{kind}-{me.pid}-{me.start_ticks % 10**6}"


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Kubernetes]:
    """A control plane of this session's own."""
    local = Cluster.up(session_name("api"), nodes=0, owner=myself())
    try:
        yield Kubernetes(local.environment(), local)
    finally:
        local.down()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Kubernetes]:
    """A whole cluster of this session's own: one node (LOCALKUBE_NODES), the project's images, Prometheus."""
    if uses_current_context():
        yield Kubernetes(dict(os.environ), prometheus_url=os.environ.get("SERIN_TEST_PROMETHEUS_URL", ""))
        return
    report = ToTerminal()
    nodes, images = int(os.environ.get("LOCALKUBE_NODES", "1")), _images(report)
    local = Cluster.up(session_name("e2e"), nodes, spare=1, images=images, owner=myself(), report=report)
    try:
        yield Kubernetes(local.environment(), local, local.add("prometheus"))
    finally:
        local.down()


def _images(report: Reporter) -> list[Path]:
    return [*build_images(ROOT, report), busybox_archive(report)]


@pytest.fixture(scope="module")
def two_nodes(cluster: Kubernetes) -> Iterator[Kubernetes]:
    """The cluster with one node more, for as long as a module's tests need it."""
    local = cluster.local
    if local is None:
        pytest.skip("drains nodes, so it needs a cluster of its own")
    spare = local.nodes[-1].name
    local.start_node(spare, _images(ToTerminal()))
    yield cluster
    cluster.kubectl("drain", spare, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
    local.stop_node(spare)
    cluster.kubectl("delete", "node", spare)
