"""Serin on a real cluster, for end-to-end tests: installed by its chart, with a store of real models and real traffic.

- `serin` (one a test session): the chart in `serin-system`, the breast-cancer models behind `http://models.models.svc/`.
- `space` (one a test): a namespace of its own, with short words for what tests say again and again.
"""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.kubernetes import ROOT, Kubernetes

EXAMPLE = ROOT / "examples/breast-cancer"
SYSTEM = "serin-system"
STORE = "models"
SCRAPE_SECONDS = 1
OPERATOR_PODS = "app.kubernetes.io/name=serin-operator"

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Serin:
    """An installed Serin."""

    kubernetes: Kubernetes
    files: Path
    """The example's models and patients."""

    def operator_pods(self) -> list[dict[str, Any]]:
        """The operator's pods that are not on their way out."""
        found = self.kubernetes.get("pods", "-n", SYSTEM, "-l", OPERATOR_PODS)["items"]
        return [p for p in found if not p["metadata"].get("deletionTimestamp")]

    def wait_for_operators(self, number: int) -> None:
        """Wait until there are exactly so many, all of them ready; tell how they are when that does not come."""

        def there() -> bool:
            pods = self.operator_pods()
            return len(pods) == number and all(map(is_ready, pods))

        try:
            self.kubernetes.wait_for(f"{number} operators", there, 120)
        except AssertionError as error:
            told = self.kubernetes.run("kubectl", "-n", SYSTEM, "describe", "pods", "-l", OPERATOR_PODS, check=False)
            raise AssertionError(f"{error}\n{told.stdout}") from None

    def scale_operators(self, number: int) -> None:
        """Have so many replicas, and wait for them."""
        self.kubernetes.kubectl("-n", SYSTEM, "scale", "deployment/serin-operator", f"--replicas={number}")
        self.wait_for_operators(number)

    def leader(self) -> str:
        """Name of the pod that holds the lease; empty while nobody does, or only one that is gone."""
        holder = self.kubernetes.get("lease", "serin-operator", "-n", SYSTEM)["spec"].get("holderIdentity") or ""
        name = str(holder).partition("_")[0]
        return name if name in {pod["metadata"]["name"] for pod in self.operator_pods()} else ""

    def kill(self, pod: str) -> None:
        """SIGKILL to the operator in a pod, as a crash would be: by the pid that its node knows."""
        assert self.kubernetes.local is not None
        container = self.kubernetes.get("pod", pod, "-n", SYSTEM)["status"]["containerStatuses"][0]["containerID"]
        kill_container(self.kubernetes, container.rpartition("/")[2])

    def put_models(self, files: Mapping[str, bytes]) -> None:
        """Put more files into the store, and wait until it serves them."""
        kubectl = self.kubernetes.kubectl
        data = {name: base64.b64encode(content).decode() for name, content in files.items()}
        kubectl("-n", STORE, "patch", "configmap", "models", "--type=merge", "-p", json.dumps({"binaryData": data}))
        (pod,) = self.kubernetes.get("pods", "-n", STORE, "-l", "app.kubernetes.io/name=models")["items"]
        name = pod["metadata"]["name"]
        # A change of its annotations makes the kubelet look at the pod, and at its ConfigMaps, now.
        kubectl("-n", STORE, "annotate", "pod", name, f"files={next(_numbers)}", "--overwrite")

        def present() -> bool:
            return set(files) <= set(kubectl("-n", STORE, "exec", name, "--", "ls", "/models").split())

        self.kubernetes.wait_for("the store has the files", present, 120, 1)


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether the kubelet says so of a pod."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or [])


def kill_container(kubernetes: Kubernetes, container: str) -> None:
    """SIGKILL to a container's main process; the container is one that the tests' own cluster runs."""
    assert kubernetes.local is not None
    for proc in Path("/proc").iterdir():
        try:
            if proc.name.isdigit() and container in (proc / "cgroup").read_text() and (proc / "exe").exists():
                comm = (proc / "comm").read_text().strip()
                if comm not in {"pause", "runc", "runc:[2:INIT]"}:
                    subprocess.run(["kill", "-KILL", proc.name], check=False)
                    return
        except OSError:
            continue
    raise AssertionError(f"no process of container {container}")


@dataclass
class Space:
    """A namespace with one ModelDeployment in it, `model`."""

    serin: Serin
    namespace: str
    name: str = "model"
    _generator: bool = field(default=False, init=False)

    @property
    def kubernetes(self) -> Kubernetes:
        """The cluster."""
        return self.serin.kubernetes

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """kubectl in this namespace."""
        return self.kubernetes.kubectl("-n", self.namespace, *arguments, text=text)

    def manifest(self, version: str = "v1", uri: str | None = None, **spec: Any) -> dict[str, Any]:
        """A ModelDeployment: two pods, one step of half the traffic for three seconds, no analysis."""
        model = {"version": version, "uri": uri or f"http://models.{STORE}.svc/{version}.onnx"}
        base: dict[str, Any] = {
            "model": model,
            "replicas": 2,
            "runtime": {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}},
            "rollout": {"steps": [{"weight": 50, "holdSeconds": 3}], "bakeSeconds": 2, "progressDeadlineSeconds": 120},
        }
        spec = {**base, **spec}
        spec["model"] = {**model, **(spec.get("model") or {})}
        return {
            "apiVersion": "serin.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": spec,
        }

    def apply(self, version: str = "v1", uri: str | None = None, **spec: Any) -> str:
        """kubectl apply of `manifest`."""
        return self.kubernetes.apply(self.manifest(version, uri, **spec))

    def act(self, action: str) -> None:
        """Annotate with an action, as a person would."""
        self.kubectl("annotate", "mdep", self.name, f"serin.dev/action={action}", "--overwrite")

    def get(self) -> dict[str, Any]:
        """The ModelDeployment."""
        return self.kubernetes.get("mdep", self.name, "-n", self.namespace)  # type: ignore[no-any-return]

    def status(self) -> dict[str, Any]:
        """Its status."""
        return self.get().get("status") or {}

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition, with empty words where it is not there yet."""
        empty = {"status": "", "reason": "", "message": ""}
        return next((c for c in self.status().get("conditions", []) if c["type"] == kind), empty)

    def outcome(self, version: str) -> str:
        """How a version ended, by the ledger."""
        entries = self.status().get("versions", [])
        return next((str(v["outcome"]) for v in entries if v["version"] == version), "")

    def serves(self, version: str) -> bool:
        """Whether `version` is what Ready speaks of."""
        found = self.get()
        status, generation = found.get("status") or {}, found["metadata"]["generation"]
        ready = next((c for c in status.get("conditions", []) if c["type"] == "Ready"), {})
        stable = (status.get("stable") or {}).get("version")
        return stable == version and ready.get("status") == "True" and ready.get("observedGeneration") == generation

    def wait_until(self, what: str, probe: Callable[[], Any], seconds: float = 90) -> Any:
        """Wait for a condition; tell the status when it does not come."""
        try:
            return self.kubernetes.wait_for(what, probe, seconds)
        except AssertionError as error:
            pods = self.kubectl("get", "pods,jobs", "-o", "wide")
            raise AssertionError(f"{error}\n{yaml.safe_dump(self.status())}\n{pods}") from None

    def wait_until_serves(self, version: str, seconds: float = 90) -> None:
        """Wait until `version` is stable and Ready."""
        self.wait_until(f"{version} serves", lambda: self.serves(version), seconds)

    def wait_for_outcome(self, version: str, outcome: str, seconds: float = 90) -> dict[str, Any]:
        """Wait until the ledger says so; its entry."""
        self.wait_until(f"{version} is {outcome}", lambda: self.outcome(version) == outcome, seconds)
        return next(v for v in self.status()["versions"] if v["version"] == version)

    def pods(self, component: str = "server") -> list[dict[str, Any]]:
        """Pods of the model that are not on their way out."""
        selector = f"serin.dev/model-deployment={self.name},serin.dev/component={component}"
        found = self.kubernetes.get("pods", "-n", self.namespace, "-l", selector)["items"]
        return [p for p in found if not p["metadata"].get("deletionTimestamp")]

    def endpoints(self) -> set[str]:
        """Names of the ready pods behind the client Service."""
        selector = f"kubernetes.io/service-name={self.name}"
        slices = self.kubernetes.get("endpointslices", "-n", self.namespace, "-l", selector)["items"]
        ready = [e for s in slices for e in s.get("endpoints") or [] if e["conditions"].get("ready")]
        return {e["targetRef"]["name"] for e in ready}

    def start_traffic(
        self,
        requests_per_second: int = 40,
        label_delay: str = "1-2",
        through: tuple[str, str] | None = None,
        node: str | None = None,
    ) -> None:
        """Steady requests with late labels, from a pod (the example's own generator).

        They go to the client Service, or `through` a gateway: its address, and the host name that clients use. The pod
        runs on `node`, or anywhere.
        """
        texts = {
            "traffic.py": (EXAMPLE / "traffic.py").read_text(),
            "patients.json": (self.serin.files / "patients.json").read_text(),
        }
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "traffic"}, "data": texts}
        generator = yaml.safe_load((EXAMPLE / "traffic.yaml").read_text())
        container = generator["spec"]["template"]["spec"]["containers"][0]
        address, host = through or ("", self.name)
        if address:
            generator["spec"]["template"]["spec"]["hostAliases"] = [{"ip": address, "hostnames": [host]}]
        if node:
            generator["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
        container["env"] = [
            {"name": "TARGET_URL", "value": f"http://{host}"},
            {"name": "MODEL_NAME", "value": self.name},
            {"name": "REQUESTS_PER_SECOND", "value": str(requests_per_second)},
            {"name": "WORKERS", "value": "8"},
            {"name": "LABEL_DELAY_SECONDS", "value": label_delay},
        ]
        for each in (config, generator):
            each["metadata"]["namespace"] = self.namespace
        # After an outage of the API server kube-proxy learns late of new Services; that is no loss of a model's.
        self.wait_until("the Service answers", self._answers)
        self.kubernetes.apply(config, generator)
        self.wait_until("traffic flows", lambda: self.traffic().get("labels", 0) > 0)

    def _answers(self) -> bool:
        """Whether the client Service can be reached; taken for granted on a cluster that is not on this machine."""
        if self.kubernetes.local is None:
            return True
        address = self.kubectl("get", "service", self.name, "-o", "jsonpath={.spec.clusterIP}")
        try:
            with urllib.request.urlopen(f"http://{address}/v2/health/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def traffic(self) -> dict[str, Any]:
        """The generator's last totals: sent, lost, labels, by version."""
        done = self.kubernetes.run("kubectl", "-n", self.namespace, "logs", "deploy/traffic", "--tail=5", check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{") and '"sent"' in line]
        return json.loads(lines[-1]) if lines else {}

    def lost_requests(self) -> str:
        """What the generator says of lost requests; empty when none was lost."""
        totals = self.traffic()
        if totals.get("lost") == 0:
            return ""
        lines = self.kubectl("logs", "deploy/traffic").splitlines()
        told = "\n".join(line for line in lines if "lost_request" in line)
        return f"{totals.get('lost')} of {totals.get('sent')} lost:\n{told}\n{lines[-1]}"


def train(out: Path) -> Path:
    """The example's models, as its users make them."""
    subprocess.run([sys.executable, str(EXAMPLE / "train.py"), "--out", str(out)], check=True, capture_output=True)
    return out


def onnx_of(models: Path) -> dict[str, bytes]:
    """The example's ONNX files as the web server has them: `v1.onnx` and so on."""
    return {f"{file.parent.name}.onnx": file.read_bytes() for file in models.glob("*/model.onnx")}


def values(kubernetes: Kubernetes, **more: Any) -> dict[str, Any]:
    """Values of the chart for a test cluster."""
    del kubernetes
    return {
        "image": {"repository": "localhost/serin-operator", "tag": "dev", "pullPolicy": "IfNotPresent"},
        "servingImage": {"repository": "localhost/serin-server", "tag": "dev", "pullPolicy": "IfNotPresent"},
        "collectorImage": {
            "repository": "localhost/serin-server",
            "tag": "dev-collector",
            "pullPolicy": "IfNotPresent",
        },
        "prometheus": {"url": "http://prometheus.monitoring.svc:9090", "scrapeIntervalSeconds": SCRAPE_SECONDS},
        **more,
    }


@pytest.fixture(scope="session")
def serin(cluster: Kubernetes, tmp_path_factory: pytest.TempPathFactory) -> Serin:
    """Serin, installed by its chart as users install it."""
    folder = tmp_path_factory.mktemp("serin")
    files = train(folder / "models")
    chart_values = folder / "values.yaml"
    chart_values.write_text(yaml.safe_dump(values(cluster)))
    cluster.helm(
        "upgrade", "--install", "serin", str(ROOT / "charts/serin"), "--namespace", SYSTEM, "--create-namespace",
        "--values", str(chart_values), "--wait", "--timeout", "180s",
    )  # fmt: skip
    start_store(cluster, onnx_of(files))
    return Serin(cluster, files)


def start_store(kubernetes: Kubernetes, files: Mapping[str, bytes]) -> None:
    """The models behind a web server in the cluster: `http://models.models.svc/`."""
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    objects = list(yaml.safe_load_all((Path(__file__).parent / "model-store.yaml").read_text()))
    for each in objects:
        each["metadata"]["namespace"] = STORE
    metadata = {"name": "models", "namespace": STORE}
    kubernetes.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STORE}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data},
        *objects,
    )
    kubernetes.kubectl("-n", STORE, "rollout", "status", "deployment/models", "--timeout=120s")


@pytest.fixture
def space(serin: Serin) -> Iterator[Space]:
    """A namespace for one test; pods in it are held to the restricted standard."""
    namespace = f"test-{next(_numbers)}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": namespace, "labels": labels}
    serin.kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield Space(serin, namespace)
    serin.kubernetes.kubectl("delete", "namespace", namespace, "--wait=false")
