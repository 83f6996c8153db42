"""Command lines of the control plane's programs, as values."""

from __future__ import annotations

from pathlib import Path

from localkube.addresses import AddressPlan

PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_ETCD = "http://127.0.0.1:2379"  # inside the sandbox nobody else can reach it
_ETCD_PEER = "http://127.0.0.1:2380"


def etcd(folder: Path) -> list[str]:
    """Etcd with its data under the cluster's folder, so that a restart keeps it; no fsync, since power loss ends tmpfs too."""
    return [
        "etcd",
        "--name=etcd",
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls={_ETCD_PEER}",
        f"--initial-advertise-peer-urls={_ETCD_PEER}",
        f"--initial-cluster=etcd={_ETCD_PEER}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(folder: Path, plan: AddressPlan) -> list[str]:
    """kube-apiserver with the admission and authorization of a real cluster."""
    pki = folder / "pki"
    return [
        "kube-apiserver",
        f"--advertise-address={plan.control_plane}",
        "--secure-port=6443",
        f"--etcd-servers={_ETCD}",
        f"--service-cluster-ip-range={plan.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--profiling=false",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
    ]


def controller_manager(folder: Path) -> list[str]:
    """kube-controller-manager; with the default limit of 20 calls a second the first ServiceAccount comes five seconds late.

    Autoscalers look every two seconds, not every fifteen: tests wait for them.
    """
    pki = folder / "pki"
    return [
        "kube-controller-manager",
        f"--kubeconfig={folder}/kube-controller-manager.kubeconfig",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--profiling=false",
    ]


def scheduler(folder: Path) -> list[str]:
    """kube-scheduler."""
    return [
        "kube-scheduler",
        f"--kubeconfig={folder}/kube-scheduler.kubeconfig",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]
