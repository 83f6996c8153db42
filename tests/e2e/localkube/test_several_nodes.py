"""Two nodes: traffic between them, one that dies and comes back, and what `down` leaves: nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.kubernetes import Kubernetes, session_name, uses_current_context

from localkube import Cluster, cgroups, network
from localkube.images.small import busybox_archive
from localkube.processes import myself
from localkube.reporting import ToTerminal

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(uses_current_context(), reason="nodes of another's cluster are not ours to break"),
]
WEB = Path(__file__).with_name("web.yaml")


@pytest.fixture(scope="module")
def pair():
    """A cluster of a node, and one that was spare, with one web pod on each."""
    images = [busybox_archive(ToTerminal())]
    local = Cluster.up(session_name("pair"), spare=1, images=images, owner=myself())
    try:
        local.start_node("node2", images)
        kubernetes = Kubernetes(local.environment(), local)
        kubernetes.apply(WEB.read_text())
        kubernetes.kubectl("-n", "web", "patch", "deployment", "web", "-p", json.dumps(SPREAD))
        kubernetes.kubectl("-n", "web", "rollout", "status", "deployment/web", "--timeout=60s")
        yield kubernetes
    finally:
        local.down()


SPREAD = {
    "spec": {
        "template": {
            "spec": {
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "DoNotSchedule",
                        "labelSelector": {"matchLabels": {"app": "web"}},
                        "matchLabelKeys": ["pod-template-hash"],
                    }
                ]
            }
        }
    }
}


def pods_by_node(pair: Kubernetes) -> dict[str, dict]:
    items = pair.get("-n", "web", "pods", "-l", "app=web", "--field-selector=status.phase=Running")["items"]
    return {pod["spec"]["nodeName"]: pod for pod in items}


def test_pods_reach_pods_on_the_other_node_directly_and_through_the_service(pair: Kubernetes):
    pods = pods_by_node(pair)
    assert set(pods) == {"node1", "node2"}
    for here, there in (("node1", "node2"), ("node2", "node1")):
        name, other = pods[here]["metadata"]["name"], pods[there]

        def ask(url: str, name: str = name) -> str:
            return pair.kubectl("-n", "web", "exec", name, "--", "wget", "-qO-", url).strip()

        assert ask(f"http://{other['status']['podIP']}:8080/") == other["metadata"]["name"]
        pair.wait_for(
            "an answer from the other node",
            lambda ask=ask, other=other: ask("http://web/") == other["metadata"]["name"],
        )


def test_a_node_that_stops_becomes_not_ready_and_comes_back_with_its_pods(pair: Kubernetes):
    assert pair.local is not None
    restarts = pods_by_node(pair)["node2"]["status"]["containerStatuses"][0]["restartCount"]
    pair.local.stop_node("node2")
    assert pair.local.status()["machines"]["node2"] == {"running": False}
    pair.kubectl("wait", "--for=condition=Ready=Unknown", "node/node2", "--timeout=120s")
    pair.local.start_node("node2")

    def is_restarted() -> bool:
        status = pods_by_node(pair).get("node2", {}).get("status", {}).get("containerStatuses", [{}])[0]
        return bool(status.get("ready")) and status["restartCount"] > restarts

    pair.wait_for("its pod to run again", is_restarted)
    conditions = pair.get("node", "node2")["status"]["conditions"]
    assert {c["type"]: c["status"] for c in conditions if c["type"] == "Ready"} == {"Ready": "True"}


def names_in(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def traces(cluster: Cluster) -> list[str]:
    """Whatever of a cluster this machine still knows: files, links, routes, cgroups, mounts, processes."""
    found = [str(path) for path in (cluster.folder, cluster.folder.parent / f".{cluster.name}.lock") if path.exists()]
    found += [f"link {name}" for name in names_in("/sys/class/net") if name == cluster.plan.host_link]
    found += [f"route {route}" for route in network.routed_ranges() if cluster.plan.overlaps([route])]
    prefix = f"localkube{cluster.plan.index}-"
    found += [str(group) for root in cgroups.hierarchies() for group in root.glob(f"{prefix}*")]
    found += [line for line in Path("/proc/mounts").read_text().splitlines() if str(cluster.folder) in line]
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(cluster.folder).encode() in command.read_bytes():
                found.append(str(command))
        except OSError:
            continue
    return found


def test_down_leaves_nothing_behind():
    runs_before, lib_before = names_in("/run"), names_in("/var/lib")
    local = Cluster.up(session_name("gone"), nodes=1, images=[busybox_archive(ToTerminal())], owner=myself())
    try:
        local.kubectl(
            "run", "sleeper", "--image=localhost/busybox:local", "--image-pull-policy=Never", "--", "sleep", "600"
        )
        local.kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=60s")
        assert len(traces(local)) > 10
    finally:
        local.down()
    assert traces(local) == []
    assert names_in("/run") - runs_before == set()
    assert names_in("/var/lib") - lib_before == set()
    local.down()  # twice is fine


def test_a_cluster_whose_session_was_killed_is_ended_by_the_next():
    name = session_name("orphan")
    code = f"""
import os
from localkube import Cluster
from localkube.processes import myself
Cluster.up({name!r}, nodes=0, owner=myself())
os._exit(9)
"""
    python = sys.executable
    subprocess.run([python, "-c", code], check=False)
    orphan = Cluster.open(name)
    assert orphan.record.is_orphan
    assert orphan.api.is_ready()
    Cluster.up(session_name("next"), nodes=0, owner=myself()).down()
    assert traces(orphan) == []


def test_the_api_server_answers_without_a_gap_while_nodes_come_and_go(pair: Kubernetes):
    assert pair.local is not None
    for _ in range(2):
        pair.local.stop_node("node2")
        assert pair.local.api.is_ready()
        pair.local.start_node("node2")
        assert pair.local.api.is_ready()
