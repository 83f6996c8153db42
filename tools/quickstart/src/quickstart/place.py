"""Where it runs: the project's own local Kubernetes, or the cluster of the current kubeconfig context."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localkube import monitoring
from localkube.cluster import Cluster
from localkube.images.small import VERSITYGW
from quickstart.commands import Kubectl, run
from quickstart.example import NAMESPACE

LOCAL_NAME = "serin"

OPERATOR_IMAGE = "localhost/serin-operator:dev"
SERVING_IMAGE = "localhost/serin-server:dev"
"""As built here; the example's clients name it too."""
BUCKET_IMAGE = "versity/versitygw:v1.8.0@sha256:30292fc2eeacc67a36993b01f7a7a5e3361a19cced0e80c1d71cfa2a4b0a2499"
"""As its publisher offers it, and the example's manifest names it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cluster that can be talked to, and what to install into it."""

    kubectl: Kubectl
    helm: Callable[..., str]
    operator_image: str
    serving_image: str
    bucket_image: str
    prometheus_url: str
    scrape_interval_seconds: int
    cluster: Cluster | None
    """The local cluster; None on somebody's own."""
    shell_setup: str
    """What to type so that kubectl means this cluster."""
    operator_build: str = ""
    """What was built under the tag of the operator's image."""

    @property
    def images(self) -> dict[str, str]:
        """What runs here in place of the images that the example's manifests name."""
        return {SERVING_IMAGE: self.serving_image, BUCKET_IMAGE: self.bucket_image}


def of_cluster(cluster: Cluster, *, operator_build: str) -> Place:
    """The local Kubernetes."""
    environment = cluster.environment()
    kubectl = shutil.which("kubectl", path=environment["PATH"]) or "kubectl"
    return Place(
        kubectl=Kubectl(path=kubectl, kubeconfig=cluster.kubeconfig, namespace=NAMESPACE),
        helm=cluster.helm,
        operator_image=OPERATOR_IMAGE,
        serving_image=SERVING_IMAGE,
        bucket_image=VERSITYGW.reference,
        prometheus_url=monitoring.IN_CLUSTER_URL,
        scrape_interval_seconds=1,
        cluster=cluster,
        shell_setup=f"export KUBECONFIG={cluster.kubeconfig} PATH={Path(kubectl).parent}:$PATH",
        operator_build=operator_build,
    )


def current() -> Place:
    """The cluster of the current context. Images and Prometheus are the user's to name.

    OPERATOR_IMAGE, SERVING_IMAGE, BUCKET_IMAGE (versitygw): where the cluster can pull them. PROMETHEUS_URL, SCRAPE_INTERVAL_SECONDS: a
    Prometheus there that scrapes the serving pods.
    """
    return Place(
        kubectl=Kubectl(path="kubectl", kubeconfig=None, namespace=NAMESPACE),
        helm=lambda *arguments: run(["helm", *arguments]),
        operator_image=os.environ.get("OPERATOR_IMAGE", OPERATOR_IMAGE),
        serving_image=os.environ.get("SERVING_IMAGE", SERVING_IMAGE),
        bucket_image=os.environ.get("BUCKET_IMAGE", BUCKET_IMAGE),
        prometheus_url=os.environ.get("PROMETHEUS_URL", monitoring.IN_CLUSTER_URL),
        scrape_interval_seconds=int(os.environ.get("SCRAPE_INTERVAL_SECONDS", "15")),
        cluster=None,
        shell_setup="",
    )


def is_current() -> bool:
    """Whether the user asked for the current context."""
    chosen = os.environ.get("CLUSTER", "")
    if chosen not in {"", "current"}:
        raise SystemExit(f"CLUSTER={chosen} is not known: leave it away for a local cluster, or say CLUSTER=current")
    return chosen == "current"
