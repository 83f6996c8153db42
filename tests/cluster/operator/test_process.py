"""Whole replicas as processes: they hand over, survive outages, stop gracefully, and cost little."""

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.support.kubernetes import Kubernetes
from tests.support.operator import CRD, install_crd

pytestmark = pytest.mark.cluster


@pytest.fixture
def start_operator(start_operator):
    """As the image starts it; the other tests fork theirs."""
    return partial(start_operator, forked=False)


def a_model_deployment(namespace, name="m", *, version="v1", uri="file:///models/v1.onnx", replicas=1, **spec):
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "model": {"version": version, "uri": uri}, **spec},
    }


def is_ready(kubernetes, namespace, name="m", version="v1"):
    """Whether the wanted version serves, as `kubectl wait` would see it."""
    obj = kubernetes.get("modeldeployment", name, "-n", namespace)
    conditions = {c["type"]: c for c in obj.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    return (
        ready.get("status") == "True"
        and ready.get("observedGeneration") == obj["metadata"]["generation"]
        and obj["status"]["stable"]["version"] == version
    )


def test_a_killed_leader_is_replaced_within_20_seconds(kubernetes, start_operator):
    first = start_operator()
    kubernetes.wait_for("the first to lead", first.is_leading)
    second = start_operator()
    kubernetes.wait_for("the second to be ready", lambda: second.page("/readyz"))
    assert not second.is_leading()
    first.kill()
    killed = time.monotonic()
    kubernetes.wait_for("the second to lead", second.is_leading, seconds=20)
    print(f"took over after {time.monotonic() - killed:.1f} s")


def test_a_leader_that_is_asked_to_stop_hands_over_at_once(kubernetes, start_operator):
    first = start_operator()
    kubernetes.wait_for("the first to lead", first.is_leading)
    second = start_operator()
    kubernetes.wait_for("the second to be ready", lambda: second.page("/readyz"))
    assert first.stop() == 0
    stopped = time.monotonic()
    kubernetes.wait_for("the second to lead", second.is_leading, seconds=6)
    print(f"took over after {time.monotonic() - stopped:.1f} s")


def test_a_first_version_is_served_by_whoever_leads(kubernetes, kubelet, namespace, start_operator):
    first, second = start_operator(), start_operator()
    kubernetes.apply(a_model_deployment(namespace))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    (leader,) = [replica for replica in (first, second) if replica.is_leading()]
    (follower,) = [replica for replica in (first, second) if replica is not leader]
    leader.kill()
    kubernetes.apply(
        a_model_deployment(
            namespace,
            version="v2",
            uri="file:///models/v2.onnx",
            rollout={"steps": [{"weight": 50, "holdSeconds": 1}], "bakeSeconds": 1},
        )
    )
    kubernetes.wait_for("v2 to serve", lambda: is_ready(kubernetes, namespace, version="v2"))
    kubernetes.wait_for(
        "the rollout to be counted",
        lambda: follower.metric('serin_operator_rollouts_total{outcome="Promoted"}') == 1.0,
    )


def test_an_api_server_that_goes_and_comes_back_is_survived(kubernetes, kubelet, namespace, start_operator):
    if kubernetes.local is None:
        pytest.skip("this cluster's API server is not ours to stop")
    leader = start_operator()
    kubernetes.wait_for("the first to lead", leader.is_leading)
    follower = start_operator()
    kubernetes.wait_for("the second to watch", lambda: follower.page("/readyz"))
    kubernetes.apply(a_model_deployment(namespace))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    kubernetes.local.stop_apiserver()
    try:
        # It cannot renew its lease, so it must not act any more: it ends, and Kubernetes would start it again.
        kubernetes.wait_for("the leader to end", lambda: leader.exit_code is not None, seconds=20)
        assert leader.exit_code == 1
        successor = start_operator(POD_NAME="replica-0-again")
        kubernetes.wait_for("it to wait", lambda: "cannot begin yet" in successor.log.read_text())
        time.sleep(10.0)  # an outage that is longer than the lease
        assert (follower.exit_code, successor.exit_code) == (None, None)
        assert follower.page("/healthz") == successor.page("/healthz") == "ok\n"
        assert kubernetes.local is not None
    finally:
        kubernetes.local.start_apiserver()
    kubernetes.wait_for("a leader", lambda: follower.is_leading() or successor.is_leading(), seconds=20)
    kubernetes.apply(
        a_model_deployment(
            namespace,
            version="v2",
            uri="file:///models/v2.onnx",
            rollout={"steps": [{"weight": 50, "holdSeconds": 1}], "bakeSeconds": 1},
        )
    )
    kubernetes.wait_for("v2 to serve", lambda: is_ready(kubernetes, namespace, version="v2"))
    assert (follower.exit_code, successor.exit_code) == (None, None)


def test_the_user_s_object_is_left_alone(kubernetes, kubelet, namespace, start_operator):
    start_operator()
    wanted = a_model_deployment(namespace)
    kubernetes.apply(wanted)
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    obj = kubernetes.get("modeldeployment", "m", "-n", namespace, "--show-managed-fields")
    assert obj["spec"] == wanted["spec"]
    assert set(obj["metadata"].get("annotations", {})) == {"kubectl.kubernetes.io/last-applied-configuration"}
    assert "finalizers" not in obj["metadata"]
    others = [entry for entry in obj["metadata"]["managedFields"] if entry["manager"] != "kubectl-client-side-apply"]
    assert [(e["manager"], set(e["fieldsV1"])) for e in others] == [("serin-operator", {"f:status"})]


def test_a_steady_state_writes_nothing(kubernetes, kubelet, namespace, start_operator):
    operator = start_operator(RESYNC_SECONDS="5")
    kubernetes.apply(a_model_deployment(namespace))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))

    def versions():
        kinds = "modeldeployments,deployments,services,controllerrevisions,poddisruptionbudgets"
        return {
            item["metadata"]["uid"]: item["metadata"]["resourceVersion"]
            for item in kubernetes.get(kinds, "-n", namespace)["items"]
        }

    def settled():
        before = versions()
        time.sleep(2.0)  # nothing must happen: there is no event to wait for
        return before == versions()

    kubernetes.wait_for("everything to settle", settled)
    before, looks = versions(), operator.metric('serin_operator_reconciles_total{result="success"}')
    for _ in range(5):
        kubernetes.apply(a_model_deployment(namespace))
    kubernetes.wait_for(
        "two looks by the resync",
        lambda: operator.metric('serin_operator_reconciles_total{result="success"}') >= looks + 2,
    )
    assert versions() == before


def test_a_model_deployment_that_goes_takes_its_children_along(kubernetes, kubelet, namespace, start_operator):
    operator = start_operator()
    kubernetes.apply(a_model_deployment(namespace))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    kubernetes.kubectl("delete", "modeldeployment", "m", "-n", namespace)
    kinds = "deployments,services,controllerrevisions,jobs,pods"
    kubernetes.wait_for("the children to go", lambda: not kubernetes.get(kinds, "-n", namespace)["items"])
    assert operator.metric('serin_operator_reconciles_total{result="error"}') == 0.0


def test_twenty_resources_cost_little(kubernetes, kubelet, namespace, start_operator):
    operator = start_operator()
    names = [f"m{number}" for number in range(20)]
    kubernetes.apply(*(a_model_deployment(namespace, name, uri=f"file:///models/{name}.onnx") for name in names))
    kubernetes.wait_for(
        "all to serve", lambda: all(is_ready(kubernetes, namespace, name) for name in names), seconds=120
    )
    kubernetes.wait_for("the last event to be dealt with", lambda: operator.cpu_share(3.0) < 0.01, every=0.1)
    share, memory = operator.cpu_share(10.0), operator.memory_mib()
    print(f"idle with 20 resources: {share:.2%} of a core, {memory:.0f} MiB")
    assert share < 0.01
    assert memory < 100


def test_bad_settings_end_the_process_with_one_line_each(kubernetes):
    done = subprocess.run(
        [Path(sys.executable).with_name("serin-operator")],
        env={**kubernetes.environment, "SERIN_PORT": "http", "SERIN_WORKERS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert [line.split("=")[0] for line in done.stderr.splitlines()] == ["SERIN_PORT", "SERIN_WORKERS"]


def test_a_namespace_that_is_missing_keeps_no_other_from_being_looked_after(
    kubernetes, kubelet, namespace, start_operator, tmp_path
):
    later, account = f"{namespace}-later", f"system:serviceaccount:{namespace}:serin"
    kubernetes.kubectl("create", "serviceaccount", "serin", "-n", namespace)
    allow(kubernetes, namespace, account)
    as_account = limited(kubernetes, namespace, "serin", tmp_path)
    operator = start_operator(as_account, NAMESPACES=f"{later},{namespace}")
    kubernetes.apply(a_model_deployment(namespace))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    assert f'in the namespace "{later}"' in operator.page("/readyz")
    assert operator.metric(f'serin_operator_watch_up{{namespace="{later}",resource="pods"}}') == 0.0
    assert operator.metric(f'serin_operator_watch_up{{namespace="{namespace}",resource="pods"}}') == 1.0
    kubernetes.kubectl("create", "namespace", later)
    try:
        allow(kubernetes, later, account)
        kubernetes.apply(a_model_deployment(later))
        kubernetes.wait_for("it to serve there too", lambda: is_ready(kubernetes, later))
        kubernetes.kubectl("delete", "rolebinding", "serin", "-n", later)
        kubernetes.kubectl("delete", "namespace", later, "--wait=false")
        kubernetes.apply(a_model_deployment(namespace, name="another", uri="file:///models/another.onnx"))
        kubernetes.wait_for("the other namespace to go on", lambda: is_ready(kubernetes, namespace, name="another"))
    finally:
        kubernetes.run("kubectl", "delete", "namespace", later, "--wait=false", "--ignore-not-found", check=False)
    assert operator.page("/healthz") == "ok\n"
    assert operator.metric('serin_operator_reconciles_total{result="error"}') == 0.0


def test_a_crd_that_comes_late_goes_and_comes_back_is_looked_after(kubernetes, kubelet, namespace, start_operator):
    def health():
        return operator.page("/healthz") == "ok\n"

    kubernetes.kubectl("delete", "-f", str(CRD), "--timeout=60s")
    try:
        operator = start_operator()
        kubernetes.wait_for("it to wait", lambda: "cannot begin yet" in operator.log.read_text())
        assert health()
        install_crd(kubernetes)
        kubernetes.apply(a_model_deployment(namespace))
        kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
        assert health()
        kubernetes.kubectl("delete", "-f", str(CRD), "--timeout=60s")
        up = f'serin_operator_watch_up{{namespace="{namespace}",resource="modeldeployments"}}'
        kubernetes.wait_for("the refusal", lambda: operator.metric(up) == 0.0)
        assert health()
    finally:
        install_crd(kubernetes)
    kubernetes.apply(a_model_deployment(namespace, name="after", uri="file:///models/after.onnx"))
    kubernetes.wait_for("a new one to serve", lambda: is_ready(kubernetes, namespace, name="after"))
    assert health()
    assert operator.exit_code is None
    assert operator.metric('serin_operator_reconciles_total{result="error"}') == 0.0


def allow(kubernetes, namespace, account):
    """The rights that the chart gives in a namespace, all of them in one rule."""
    groups = ["", "apps", "batch", "policy", "discovery.k8s.io", "serin.dev", "events.k8s.io", "coordination.k8s.io"]
    rules = [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]
    meta = {"name": "serin", "namespace": namespace}
    api = "rbac.authorization.k8s.io"
    role = {"apiGroup": api, "kind": "Role", "name": "serin"}
    subjects = [{"kind": "User", "apiGroup": api, "name": account}]
    kubernetes.apply(
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": subjects},
    )


def limited(kubernetes, namespace, name, folder):
    """The cluster as a service account sees it."""
    config = yaml.safe_load(kubernetes.kubectl("config", "view", "--raw", "--flatten", "--minify"))
    token = kubernetes.kubectl("create", "token", name, "-n", namespace).strip()
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return Kubernetes({**kubernetes.environment, "KUBECONFIG": str(path)})
