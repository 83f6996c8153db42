"""The life of a release: installed, used with exactly its rights, upgraded, uninstalled, installed again."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.chart.conftest import CHART, SYSTEM
from tests.support.kubelet import fake_kubelet
from tests.support.kubernetes import Kubernetes
from tests.support.operator import OperatorProcess

pytestmark = pytest.mark.cluster

ACCOUNT = f"system:serviceaccount:{SYSTEM}:serin-operator"
MODES = {"the whole cluster": (), "one namespace": ("--set", "namespaces={scoring}")}


def mdep(version: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "credit", "namespace": "scoring"},
        "spec": {
            "model": {"version": version, "uri": f"https://models.example.com/{version}.onnx"},
            "replicas": 2,
            "rollout": {"steps": [{"weight": 50, "holdSeconds": 0}], "bakeSeconds": 0},
            **more,
        },
    }


def install(kubernetes: Kubernetes, release: str, *arguments: str, chart: str = CHART) -> str:
    return kubernetes.helm("upgrade", "--install", release, chart, "--namespace", SYSTEM, *arguments)


def may(kubernetes: Kubernetes, who: str, verb: str, what: str, namespace: str) -> bool:
    kind, _, subresource = what.partition("/")
    more = (f"--subresource={subresource}",) if subresource else ()
    done = kubernetes.run(
        "kubectl", "auth", "can-i", verb, kind, *more, "--as", who, "--namespace", namespace, check=False
    )
    return done.stdout.strip() == "yes"


@pytest.fixture
def as_installed(kubernetes: Kubernetes, release: str, tmp_path: Path) -> Iterator[Any]:
    """Starts the operator on this machine with the service account and the settings that the chart gives it."""
    started = []

    def start() -> OperatorProcess:
        deployment = kubernetes.get("deployment", "serin-operator", "--namespace", SYSTEM)
        env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        settings = {
            each["name"].removeprefix("SERIN_"): "this-machine" if "valueFrom" in each else each.get("value", "")
            for each in env
        }
        config = yaml.safe_load(Path(kubernetes.kubeconfig).read_text())
        token = kubernetes.kubectl("create", "token", "serin-operator", "--namespace", SYSTEM).strip()
        config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        limited = Kubernetes({**kubernetes.environment, "KUBECONFIG": str(tmp_path / "kubeconfig")})
        settings = {key: value for key, value in settings.items() if key != "PORT"}
        started.append(OperatorProcess(limited, tmp_path / "operator.log", **settings))
        return started[-1]

    yield start
    for operator in started:
        operator.kill()
        print(operator.log.read_text()[-4000:])


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_the_rights_of_the_chart_are_enough_for_a_rollout_from_beginning_to_end(
    kubernetes: Kubernetes, release: str, as_installed: Any, mode: tuple[str, ...]
) -> None:
    install(kubernetes, release, *mode)
    with fake_kubelet(kubernetes.kubeconfig):
        operator = as_installed()
        kubernetes.wait_for("the operator is ready", lambda: operator.page("/readyz"))
        for version in ("v1", "v2"):
            kubernetes.apply(mdep(version))
            kubernetes.wait_for(f"{version} serves", lambda version=version: stable(kubernetes) == version)
        shown = kubernetes.kubectl("get", "mdep", "--namespace", "scoring")
        kubernetes.kubectl("delete", "deployment", "--namespace", "scoring", "--all")
        kubernetes.wait_for(
            "a deleted child comes back", lambda: kubernetes.get("deployment", "--namespace", "scoring")["items"]
        )
        events = kubernetes.get("events", "--namespace", "scoring")["items"]
        kubernetes.kubectl("delete", "mdep", "--namespace", "scoring", "--all")
    assert "v2" in shown
    assert {each["reason"] for each in events if each["involvedObject"]["kind"] == "ModelDeployment"} >= {"Promoted"}
    assert "forbidden" not in operator.log.read_text().lower()


def stable(kubernetes: Kubernetes) -> str | None:
    status = kubernetes.get("mdep", "credit", "--namespace", "scoring").get("status") or {}
    version: str | None = status.get("stable", {}).get("version")
    return version


def test_the_operator_may_do_its_work_and_nothing_else(kubernetes: Kubernetes, release: str) -> None:
    install(kubernetes, release, "--set", "namespaces={scoring}")
    may_do = [
        *(
            ("list", "modeldeployments.serin.dev", "scoring"),
            ("update", "modeldeployments.serin.dev/status", "scoring"),
        ),
        *(("create", "deployments.apps", "scoring"), ("patch", "deployments.apps/scale", "scoring")),
        *(("watch", "pods", "scoring"), ("create", "events.events.k8s.io", "scoring")),
        *(("create", "leases.coordination.k8s.io", SYSTEM), ("create", "secrets", "scoring")),
    ]
    may_not = [
        *(("update", "modeldeployments.serin.dev", "scoring"), ("patch", "modeldeployments.serin.dev", "scoring")),
        *(("delete", "modeldeployments.serin.dev", "scoring"), ("get", "secrets", "scoring")),
        *(("list", "secrets", "scoring"), ("update", "secrets", "scoring"), ("create", "secrets", SYSTEM)),
        # Nothing of ours is ever replaced whole, but status and the lease.
        *(
            ("update", kind, "scoring")
            for kind in ("deployments.apps", "services", "jobs.batch", "deployments.apps/scale")
        ),
        *(("patch", "modeldeployments.serin.dev/status", "scoring"), ("patch", "leases.coordination.k8s.io", SYSTEM)),
        *(("get", "secrets", SYSTEM), ("delete", "pods", "scoring"), ("create", "pods/exec", "scoring")),
        *(("list", "pods", "fraud"), ("list", "modeldeployments.serin.dev", "fraud"), ("get", "nodes", "scoring")),
        *(("create", "leases.coordination.k8s.io", "scoring"), ("create", "rolebindings", "scoring")),
    ]
    for each in may_do:  # the authorizer hears of new roles a moment after they are there
        kubernetes.wait_for(f"may {' '.join(each)}", lambda each=each: may(kubernetes, ACCOUNT, *each), seconds=20)
    assert [each for each in may_not if may(kubernetes, ACCOUNT, *each)] == []


def test_who_may_view_or_edit_a_namespace_may_do_so_with_its_models(kubernetes: Kubernetes, release: str) -> None:
    install(kubernetes, release)
    for person, role in (("vera", "view"), ("edith", "edit"), ("ada", "admin")):
        binding = ("create", "rolebinding", person, f"--clusterrole={role}", f"--user={person}", "--namespace=fraud")
        kubernetes.kubectl(*binding)
    kind = "modeldeployments.serin.dev"
    kubernetes.wait_for("roles are aggregated", lambda: may(kubernetes, "ada", "create", kind, "fraud"), seconds=20)
    assert may(kubernetes, "vera", "get", kind, "fraud")
    assert not may(kubernetes, "vera", "create", kind, "fraud")
    assert may(kubernetes, "edith", "patch", f"{kind}/scale", "fraud")
    assert may(kubernetes, "edith", "delete", kind, "fraud")
    assert not may(kubernetes, "edith", "update", f"{kind}/status", "fraud")
    assert not may(kubernetes, "edith", "delete", kind, "scoring")


def test_an_upgrade_brings_new_fields_and_touches_no_object(
    kubernetes: Kubernetes, release: str, tmp_path: Path
) -> None:
    old = older_chart(tmp_path)
    install(kubernetes, release, chart=str(old))
    kubernetes.kubectl("wait", "--for=condition=Established", "crd/modeldeployments.serin.dev", "--timeout=20s")
    kubernetes.apply(mdep("v1"))
    before = kubernetes.get("mdep", "credit", "--namespace", "scoring")
    assert "unknown field" in kubernetes.refused("apply", "-f", "-", text=yaml.safe_dump(mdep("v1", paused=True)))
    install(kubernetes, release)
    after = kubernetes.get("mdep", "credit", "--namespace", "scoring")
    assert after == before
    kubernetes.wait_for(
        "the new field is known",
        lambda: kubernetes.run("kubectl", "apply", "-f", "-", text=yaml.safe_dump(mdep("v1", paused=True))).stdout,
        seconds=20,
    )
    history = kubernetes.helm("history", release, "--namespace", SYSTEM, "--output", "yaml")
    assert [each["revision"] for each in yaml.safe_load(history)] == [1, 2]


def older_chart(folder: Path) -> Path:
    """The chart as it may have been: its CRD does not know `paused`."""
    chart = folder / "serin"
    shutil.copytree(CHART, chart)
    crd = chart / "templates" / "crd.yaml"
    head, separator, tail = crd.read_text().partition("spec:\n")
    spec = yaml.safe_load(separator + tail.removesuffix("{{- end }}\n"))
    schema = spec["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del schema["properties"]["paused"]
    crd.write_text(f"{head}{yaml.safe_dump(spec)}{{{{- end }}}}\n")
    return chart


def test_uninstalling_keeps_the_crd_and_the_models_and_installing_takes_them_back(
    kubernetes: Kubernetes, release: str
) -> None:
    said = install(kubernetes, release)
    assert "kubectl get mdep" in said
    kubernetes.kubectl("wait", "--for=condition=Established", "crd/modeldeployments.serin.dev", "--timeout=20s")
    kubernetes.apply(mdep("v1"))
    before = kubernetes.get("mdep", "credit", "--namespace", "scoring")
    kubernetes.helm("uninstall", release, "--namespace", SYSTEM)
    assert kubernetes.get("all", "--namespace", SYSTEM)["items"] == []
    assert kubernetes.kubectl("get", "clusterrole", "serin-operator", "--ignore-not-found") == ""
    assert kubernetes.get("mdep", "credit", "--namespace", "scoring") == before
    install(kubernetes, release)
    assert kubernetes.get("mdep", "credit", "--namespace", "scoring") == before
    kubernetes.helm("uninstall", release, "--namespace", SYSTEM)
    kubernetes.helm("upgrade", "--install", "other", CHART, "--namespace", SYSTEM, "--take-ownership")
    kubernetes.helm("uninstall", "other", "--namespace", SYSTEM)
    assert kubernetes.get("mdep", "credit", "--namespace", "scoring") == before


def test_a_second_upgrade_with_the_same_values_changes_nothing(kubernetes: Kubernetes, release: str) -> None:
    install(kubernetes, release)
    before = generations(kubernetes)
    install(kubernetes, release)
    assert generations(kubernetes) == before


def roles(kubernetes: Kubernetes, namespace: str) -> list[str]:
    return [each["metadata"]["name"] for each in kubernetes.get("role", "--namespace", namespace)["items"]]


def test_a_listed_namespace_that_is_gone_is_named_and_left_out_until_it_is_there(
    kubernetes: Kubernetes, release: str
) -> None:
    listed = ("--set", "namespaces={scoring,shop}")
    kubernetes.kubectl("create", "namespace", "shop")
    assert "Not there" not in install(kubernetes, release, *listed)
    assert "serin-operator" in roles(kubernetes, "shop")
    kubernetes.kubectl("delete", "namespace", "shop")
    said = install(kubernetes, release, *listed)
    assert "Not there: shop." in said
    assert "serin-operator" in roles(kubernetes, "scoring")
    kubernetes.kubectl("create", "namespace", "shop")
    install(kubernetes, release, *listed)
    assert "serin-operator" in roles(kubernetes, "shop")
    kubernetes.kubectl("delete", "namespace", "shop", "--wait=false")


def test_who_may_not_get_namespaces_can_have_it_fail_as_ever(kubernetes: Kubernetes, release: str) -> None:
    said = kubernetes.run(
        *("helm", "upgrade", "--install", release, CHART, "--namespace", SYSTEM),
        *("--set", "namespaces={nowhere}", "--set", "rbac.skipMissingNamespaces=false"),
        check=False,
    )
    assert said.returncode
    assert 'namespaces "nowhere" not found' in said.stderr


def generations(kubernetes: Kubernetes) -> dict[str, int]:
    found = kubernetes.get("deployment,poddisruptionbudget", "--namespace", SYSTEM)["items"]
    found.append(kubernetes.get("crd", "modeldeployments.serin.dev"))
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"]["generation"] for each in found}
