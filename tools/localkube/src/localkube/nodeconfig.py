"""Configuration files and command lines of a node's programs, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localkube.addresses import AddressPlan

PAUSE_IMAGE = "localhost/pause:local"

# A containerd 2 file has version 3 and split the CRI plugin; Debian bookworm has 1.6, which wants version 2.
_CONTAINERD_1 = """\
version = 2
root = "{node}/containerd"
state = "{node}/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{node}/run/containerd.sock"
[ttrpc]
  address = "{node}/run/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Where CAP_SYS_RESOURCE is missing a lower oom_score_adj cannot be written, and no pod would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
"""
_CONTAINERD_2 = """\
version = 3
root = "{node}/containerd"
state = "{node}/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{node}/run/containerd.sock"
[ttrpc]
  address = "{node}/run/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{node}/containerd-opt"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{pause}"
[plugins."io.containerd.cri.v1.runtime"]
  # Where CAP_SYS_RESOURCE is missing a lower oom_score_adj cannot be written, and no pod would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "{node}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
"""


@dataclass(frozen=True)
class Files:
    """Which node, and where its files and the cluster's are."""

    cluster: Path
    node: Path
    plan: AddressPlan
    number: int
    cgroup: str

    @property
    def name(self) -> str:
        """`node1`, …"""
        return f"node{self.number}"


def containerd(files: Files, version: str, runc: str) -> str:
    """Containerd's file, in the layout of its version."""
    layout = _CONTAINERD_1 if version.removeprefix("v").startswith("1.") else _CONTAINERD_2
    return layout.format(node=files.node, pause=PAUSE_IMAGE, runc=runc)


def cni(files: Files) -> dict[str, Any]:
    """A bridge a node, addresses from the node's own range; other nodes are a route away."""
    addresses = {
        "type": "host-local",
        "dataDir": f"{files.node}/run/cni-addresses",
        "ranges": [[{"subnet": str(files.plan.node_pods(files.number))}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": addresses,
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "localkube", "plugins": [bridge, ports]}


def kubelet(files: Files) -> dict[str, Any]:
    """The kubelet's configuration."""
    pki = files.cluster / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{pki}/{files.name}.crt",
        "tlsPrivateKeyFile": f"{pki}/{files.name}.key",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{files.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [str(files.plan.node(files.number))],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{files.node}/resolv.conf",
        "containerRuntimeEndpoint": f"unix://{files.node}/run/containerd.sock",
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": f"{files.node}/volume-plugins",
        # Images cannot be pulled again here, so none may be collected; and a busy developer machine is no reason to evict.
        "imageGCHighThresholdPercent": 100,
        "imageMinimumGCAge": "24h",
        "serializeImagePulls": False,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "nodeStatusUpdateFrequency": "5s",
        "nodeStatusReportFrequency": "10s",
        "syncFrequency": "10s",
        "shutdownGracePeriod": "0s",
        "maxPods": 110,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
        "eventRecordQPS": 0,
    }


def kubelet_command(files: Files) -> list[str]:
    """The kubelet's command line."""
    return [
        "kubelet",
        f"--kubeconfig={files.cluster}/{files.name}.kubeconfig",
        f"--config={files.node}/kubelet.json",
        f"--root-dir={files.node}/kubelet",
        f"--hostname-override={files.name}",
        f"--node-ip={files.plan.node(files.number)}",
    ]


def proxy_command(files: Files) -> list[str]:
    """kube-proxy: it may not touch the host's conntrack limits, and a new ClusterIP should answer at once, not in seconds."""
    return [
        "kube-proxy",
        f"--kubeconfig={files.cluster}/kube-proxy.kubeconfig",
        f"--hostname-override={files.name}",
        f"--cluster-cidr={files.plan.pods}",
        "--proxy-mode=iptables",
        "--iptables-min-sync-period=50ms",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--oom-score-adj=0",
    ]
