"""Prometheus inside the cluster: scrapes the serving pods and the operator once a second."""

from __future__ import annotations

from pathlib import Path

NAMESPACE = "monitoring"
MANIFEST = Path(__file__).parent / "prometheus.yaml"
IN_CLUSTER_URL = "http://prometheus.monitoring.svc:9090"
