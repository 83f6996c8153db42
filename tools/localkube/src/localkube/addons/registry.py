"""Every add-on. A new one is an entry here: images of programs in a bundle, and steps."""

from __future__ import annotations

from pathlib import Path

from localkube import monitoring
from localkube.addons.addon import AddOn, Address, Apply, Chart, Install, Render, Wait
from localkube.binaries.bundles import envoy, envoy_gateway, metrics_server
from localkube.errors import LocalKubeError
from localkube.images.small import PROMETHEUS, ProgramImage

_HERE = Path(__file__).parent

GATEWAY_NAMESPACE = "envoy-gateway-system"
GATEWAY_NAME = "gateway"
"""Of the Gateway, and of the Service in front of its Envoy."""

_ENVOY_GATEWAY = ProgramImage(
    "localhost/envoy-gateway:local",
    envoy_gateway,
    "envoy-gateway",
    "usr/local/bin/envoy-gateway",
    folders=("tmp", "var/lib/eg"),
)
_ENVOY = ProgramImage("localhost/envoy:local", envoy, "envoy", "usr/local/bin/envoy", folders=("tmp",))
_METRICS_SERVER = ProgramImage(
    "localhost/metrics-server:local", metrics_server, "metrics-server", "metrics-server", ("tmp",)
)

_GATEWAY_CRDS = Chart(
    envoy_gateway, "gateway-crds-helm", "gateway-crds", GATEWAY_NAMESPACE, _HERE / "gateway-crds-values.yaml"
)
_GATEWAY = Chart(
    envoy_gateway,
    "gateway-helm",
    "envoy-gateway",
    GATEWAY_NAMESPACE,
    _HERE / "gateway-values.yaml",
    own_values=("values.tmpl.yaml",),  # what its publisher makes values.yaml of
)

_EVERY = (
    AddOn(
        "prometheus",
        "Prometheus, one scrape a second",
        (PROMETHEUS,),
        (
            Apply(monitoring.MANIFEST),
            Wait(("-n", monitoring.NAMESPACE, "rollout", "status", "deployment/prometheus", "--timeout=120s")),
        ),
        Address(monitoring.NAMESPACE, "prometheus", 9090),
    ),
    AddOn(
        "gateway",
        "the Gateway API by Envoy Gateway, with a GatewayClass `envoy` and a Gateway `gateway`",
        (_ENVOY_GATEWAY, _ENVOY),
        (
            Render(_GATEWAY_CRDS),
            Wait(("wait", "--for=condition=Established", "crd/gateways.gateway.networking.k8s.io", "--timeout=60s")),
            Install(_GATEWAY),
            Apply(_HERE / "gateway.yaml"),
            Wait(
                (
                    "-n", GATEWAY_NAMESPACE, "wait", "--for=condition=Programmed", f"gateway/{GATEWAY_NAME}",
                    "--timeout=120s",
                )
            ),
        ),
        Address(GATEWAY_NAMESPACE, GATEWAY_NAME),
    ),
    AddOn(
        "metrics-server",
        "CPU and memory of pods and nodes, for kubectl top and autoscalers",
        (_METRICS_SERVER,),
        (
            Install(
                Chart(
                    metrics_server,
                    "metrics-server-helm",
                    "metrics-server",
                    "kube-system",
                    _HERE / "metrics-server-values.yaml",
                )
            ),
            Wait(("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=60s")),
        ),
    ),
)  # fmt: skip

ADDONS = {each.name: each for each in _EVERY}


def named(name: str) -> AddOn:
    """The add-on with this name."""
    if name not in ADDONS:
        raise LocalKubeError(f"there is no add-on {name!r}", f"one of {', '.join(ADDONS)}")
    return ADDONS[name]
