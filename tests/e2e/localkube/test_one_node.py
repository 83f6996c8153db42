"""What makes a cluster real: pods, logs, exec, port-forward, Services, DNS, volumes, limits, security, metrics."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml
from tests.support.kubernetes import Kubernetes

pytestmark = pytest.mark.e2e

WEB = Path(__file__).with_name("web.yaml")


@pytest.fixture(scope="module")
def web(cluster: Kubernetes):
    """Two pods of a web server behind a Service with a NodePort, in a namespace that enforces `restricted`."""
    cluster.apply(WEB.read_text())
    cluster.kubectl("-n", "web", "rollout", "status", "deployment/web", "--timeout=60s")
    yield cluster
    cluster.kubectl("delete", "namespace", "web", "--wait=false")


def body(url: str) -> str:
    """GET, empty while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode().strip()
    except OSError:
        return ""


def service(web: Kubernetes):
    return web.get("-n", "web", "service", "web")["spec"]


def pods(web: Kubernetes):
    return web.get("-n", "web", "pods", "-l", "app=web")["items"]


def test_pods_answer_at_their_own_addresses(web: Kubernetes):
    for pod in pods(web):
        assert body(f"http://{pod['status']['podIP']}:8080/") == pod["metadata"]["name"]


def test_a_service_spreads_requests_over_its_pods(web: Kubernetes):
    url = f"http://{service(web)['clusterIP']}/"
    names = {pod["metadata"]["name"] for pod in pods(web)}
    seen: set[str] = set()

    def both_answered() -> bool:
        seen.add(body(url))
        return seen >= names

    web.wait_for("an answer of each pod", both_answered, every=0.02)


def test_a_node_port_answers_on_the_node(web: Kubernetes):
    node = web.get("nodes")["items"][0]["status"]["addresses"][0]["address"]
    web.wait_for("an answer", lambda: body(f"http://{node}:{service(web)['ports'][0]['nodePort']}/").startswith("web-"))


def test_dns_knows_services_and_pods_and_refuses_strangers(web: Kubernetes):
    def ask(name: str):
        return web.run("kubectl", "-n", "web", "exec", "deployment/web", "--", "nslookup", name, check=False)

    web.wait_for("the name", lambda: service(web)["clusterIP"] in ask("web.web.svc.cluster.local").stdout)
    headless = ask("web-headless.web.svc.cluster.local").stdout
    assert all(pod["status"]["podIP"] in headless for pod in pods(web))
    assert ask("nobody.web.svc.cluster.local").returncode == 1
    answer = web.kubectl("-n", "web", "exec", "deployment/web", "--", "wget", "-qO-", "http://web/")
    assert answer.startswith("web-")


def test_logs_and_exec_reach_a_container(web: Kubernetes):
    assert "serving" in web.kubectl("-n", "web", "logs", "deployment/web")
    assert web.kubectl("-n", "web", "exec", "deployment/web", "--", "id", "-u").strip() == "65532"


def test_a_port_forward_reaches_a_pod(web: Kubernetes):
    command = ["kubectl", "-n", "web", "port-forward", "deployment/web", ":8080"]
    forward = subprocess.Popen(command, env=dict(web.environment), stdout=subprocess.PIPE, text=True)
    try:
        assert forward.stdout is not None
        port = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        assert port
        web.wait_for("an answer", lambda: body(f"http://127.0.0.1:{port[1]}/").startswith("web-"))
    finally:
        forward.terminate()
        forward.communicate()


def test_a_pod_that_breaks_the_restricted_standard_is_refused(web: Kubernetes):
    message = web.refused("-n", "web", "run", "root", "--image=localhost/busybox:local")
    assert 'violates PodSecurity "restricted' in message


def test_a_container_over_its_memory_limit_is_oom_killed(web: Kubernetes):
    web.apply(a_pod("hungry", ["sh", "-c", "tail /dev/zero"], limits={"memory": "32Mi"}))

    def reason() -> str:
        statuses = web.get("-n", "web", "pod", "hungry")["status"].get("containerStatuses", [])
        return next((s["state"]["terminated"]["reason"] for s in statuses if "terminated" in s["state"]), "")

    assert web.wait_for("its end", reason) == "OOMKilled"


def test_a_host_path_volume_carries_files_of_this_machine(web: Kubernetes, tmp_path: Path):
    if web.local is None:
        pytest.skip("another machine's files")
    (tmp_path / "model.txt").write_text("from the host")
    tmp_path.chmod(0o755)
    volume = yaml.safe_load(f"""
        apiVersion: v1
        kind: PersistentVolume
        metadata: {{name: models}}
        spec:
          capacity: {{storage: 1Mi}}
          accessModes: [ReadOnlyMany]
          storageClassName: ""
          claimRef: {{namespace: web, name: models}}
          hostPath: {{path: {tmp_path}}}
        """)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": "web"},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            "volumeName": "models",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    reader = a_pod("reader", ["cat", "/models/model.txt"])
    reader["spec"]["containers"][0]["volumeMounts"] = [{"name": "models", "mountPath": "/models", "readOnly": True}]
    reader["spec"]["volumes"] = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    web.apply(volume, claim, reader)
    web.kubectl("-n", "web", "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/reader", "--timeout=60s")
    assert web.kubectl("-n", "web", "logs", "reader") == "from the host"
    web.kubectl("delete", "persistentvolume", "models", "--wait=false")


def test_prometheus_scrapes_pods_that_carry_the_labels(web: Kubernetes):
    if not web.prometheus_url:
        pytest.skip("no Prometheus of ours (SERIN_TEST_PROMETHEUS_URL)")
    web.apply(a_scraped_pod())
    query = f"{web.prometheus_url}/api/v1/query?query=probe_value"

    def value() -> list[str]:
        results = json.loads(body(query) or '{"data": {"result": []}}')["data"]["result"]
        return [result["value"][1] for result in results]

    assert web.wait_for("the sample", value) == ["42"]


def test_helm_talks_to_the_cluster(web: Kubernetes):
    assert "NAME" in web.helm("list", "--all-namespaces")


def a_pod(name: str, command: list[str], limits: dict[str, str] | None = None) -> dict:
    """A pod that runs a command once, as the restricted standard demands."""
    container = {
        "name": "main",
        "image": "localhost/busybox:local",
        "imagePullPolicy": "Never",
        "command": command,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"limits": limits or {}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "web"},
        "spec": {"restartPolicy": "Never", "securityContext": security, "containers": [container]},
    }


ANSWER = r"""#!/bin/sh
while read -r line && [ ${#line} -gt 1 ]; do :; done
printf 'HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\nprobe_value 42\n'
"""


def a_scraped_pod() -> dict:
    """A pod that looks like a server to Prometheus: one metric, as HTTP by hand (BusyBox's httpd names no usable type)."""
    script = f"cat > /tmp/answer <<'END'\n{ANSWER}END\nchmod 755 /tmp/answer; exec nc -ll -p 8082 -e /tmp/answer"
    pod = a_pod("scraped", ["sh", "-c", script])
    pod["metadata"]["labels"] = {"serin.dev/component": "server"}
    pod["spec"]["containers"][0]["ports"] = [{"name": "metrics", "containerPort": 8082}]
    return pod
