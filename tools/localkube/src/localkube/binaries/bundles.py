"""What is pinned: the programs, their versions, their official downloads, and how they are built from Go modules."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_GO_MODULES = Path(__file__).parent.parent / "go"


@dataclass(frozen=True)
class Download:
    """One official file and the file beside it that holds its published SHA-256."""

    url: str
    checksum_url: str
    member: str = ""
    """Path inside the tar.gz; empty when the file is the program itself."""


@dataclass(frozen=True)
class OwnModule:
    """A build in a module of the tool's own: its go.sum pins every byte that goes in."""

    folder: Path
    packages: dict[str, str]
    """Program name -> Go package."""
    flags: tuple[str, ...]


@dataclass(frozen=True)
class ForeignModule:
    """A build inside a published module, unchanged, so that its own replace lines apply."""

    module: str
    version: str
    sum: str
    """The `h1:` hash of the module, as in a go.sum."""
    packages: dict[str, str]
    """Program name -> package, relative to the module."""
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Bundle:
    """Programs of one project at one version; they live together in `$SERIN_CACHE/bin/<name>-<version>`."""

    name: str
    version: str
    downloads: dict[str, Download]
    build: OwnModule | ForeignModule

    @property
    def folder_name(self) -> str:
        """Version in the name: a new pin never meets old programs."""
        return f"{self.name}-{self.version}"


def go_architecture(machine: str = platform.machine()) -> str:
    """`amd64` or `arm64`, as Go and the download sites call this machine."""
    return _MACHINES.get(machine, machine)


def kubernetes() -> Bundle:
    """kube-apiserver, kubelet and the other four."""
    version, architecture = "v1.36.3", go_architecture()
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl")
    base = f"https://dl.k8s.io/release/{version}/bin/linux/{architecture}"
    stamp = "k8s.io/component-base/version"
    major, minor = version.removeprefix("v").split(".")[:2]
    return Bundle(
        "kubernetes",
        version,
        {program: Download(f"{base}/{program}", f"{base}/{program}.sha256") for program in programs},
        OwnModule(
            _GO_MODULES / "kubernetes",
            {program: f"k8s.io/kubernetes/cmd/{program}" for program in programs},
            (
                "-trimpath",
                "-ldflags",
                f"-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}",
            ),
        ),
    )


def helm() -> Bundle:
    """The package manager that installs the chart."""
    version, architecture = "v4.3.1", go_architecture()
    archive = f"https://get.helm.sh/helm-{version}-linux-{architecture}.tar.gz"
    return Bundle(
        "helm",
        version,
        {"helm": Download(archive, f"{archive}.sha256sum", f"linux-{architecture}/helm")},
        ForeignModule(
            "helm.sh/helm/v4",
            version,
            "h1:UndCoLe9UPmNoL7IvWzaUXveL7T5t/ijoorEmgJdI9g=",
            {"helm": "./cmd/helm"},
            (
                "-trimpath",
                "-ldflags",
                f"-s -w -X helm.sh/helm/v4/internal/version.version={version}",
            ),
        ),
    )


def prometheus() -> Bundle:
    """Prometheus with Kubernetes service discovery only, without the web interface."""
    version, architecture = "v3.15.0", go_architecture()
    number = version.removeprefix("v")
    release = f"https://github.com/prometheus/prometheus/releases/download/{version}"
    name = f"prometheus-{number}.linux-{architecture}"
    return Bundle(
        "prometheus",
        version,
        {"prometheus": Download(f"{release}/{name}.tar.gz", f"{release}/sha256sums.txt", f"{name}/prometheus")},
        ForeignModule(
            "github.com/prometheus/prometheus",
            "v0.315.0",
            "h1:sFGZWmC2Hk9N1NBJGCnXYZb5hyLCq8yuAMoEjLAg6ac=",
            {"prometheus": "./cmd/prometheus"},
            ("-trimpath", "-tags", "netgo,remove_all_sd,enable_kubernetes_sd", "-ldflags", "-s -w"),
        ),
    )
