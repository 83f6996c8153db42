"""A control plane of the chart's own: it installs and removes the CRD, which the other tests share."""

from collections.abc import Iterator

import pytest
from tests.support.kubernetes import Kubernetes, session_name

from localkube import Cluster
from localkube.processes import myself

CHART = "charts/serin"
SYSTEM = "serin-system"
# Namespaces as strict as Kubernetes has them; a pod that breaks the rules is warned about.
RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


@pytest.fixture(scope="package")
def kubernetes() -> Iterator[Kubernetes]:
    local = Cluster.up(session_name("chart"), nodes=0, owner=myself())
    try:
        yield Kubernetes(local.environment(), local)
    finally:
        local.down()


@pytest.fixture(scope="package")
def namespaces(kubernetes: Kubernetes) -> tuple[str, ...]:
    """Where Serin lives, and two places for models."""
    names = (SYSTEM, "scoring", "fraud")
    for name in names:
        kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    return names


@pytest.fixture
def release(kubernetes: Kubernetes, namespaces: tuple[str, ...]) -> Iterator[str]:
    """Name of a release that the test installs; it and its CRD are gone afterwards."""
    yield "serin"
    kubernetes.run("helm", "uninstall", "serin", "--namespace", SYSTEM, "--ignore-not-found", check=False)
    kubernetes.kubectl("delete", "crd", "modeldeployments.serin.dev", "--ignore-not-found", "--timeout=60s")
