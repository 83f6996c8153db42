"""Command lines and configuration files of a cluster's programs."""

import tomllib
from pathlib import Path

import pytest
import yaml

from localkube import controlplaneconfig, monitoring, network
from localkube.addresses import AddressPlan
from localkube.apiclient import is_ready_since
from localkube.images.small import PROMETHEUS
from localkube.kubeconfig import write_kubeconfig
from localkube.nodeconfig import PAUSE_IMAGE, Files, cni, containerd, kubelet, proxy_command
from localkube.pki import write_pki
from localkube.sandbox.box import inside

PLAN = AddressPlan(3)
FILES = Files(Path("/state/c"), Path("/state/c/node2"), PLAN, 2, "localkube3-node2")


def flags(command: list[str]) -> dict[str, str]:
    return dict(each.removeprefix("--").partition("=")[::2] for each in command[1:])


@pytest.mark.parametrize("version", ["1.6.20~ds1", "v2.1.4"])
def test_containerd_gets_a_file_of_its_own_layout(version):
    text = containerd(FILES, version, "/usr/sbin/runc")
    content = tomllib.loads(text)
    plugins = content["plugins"]
    if version.startswith("1."):
        assert content["version"] == 2
        cri = plugins["io.containerd.grpc.v1.cri"]
        assert cri["sandbox_image"] == PAUSE_IMAGE
        runtime = cri
    else:
        assert content["version"] == 3
        assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"] == PAUSE_IMAGE
        runtime = plugins["io.containerd.cri.v1.runtime"]
    assert runtime["restrict_oom_score_adj"] is True
    options = runtime["containerd"]["runtimes"]["runc"]["options"]
    assert options == {"BinaryName": "/usr/sbin/runc", "SystemdCgroup": False}


def test_pods_of_a_node_get_addresses_that_are_routed_to_it():
    addresses = cni(FILES)["plugins"][0]["ipam"]
    assert addresses["ranges"] == [[{"subnet": "10.216.14.0/24"}]]
    assert "route replace 10.216.14.0/24 via 10.210.3.12" in network.routes_to_pods_and_services(PLAN, [2])


def test_services_are_reached_through_a_node_that_runs():
    commands = network.routes_to_pods_and_services(PLAN, [2, 3])
    assert commands[-1] == f"route replace {PLAN.services} via 10.210.3.12"
    assert network.routes_to_pods_and_services(PLAN, []) == []


def test_a_node_knows_the_way_to_the_pods_of_the_others_only():
    _, within = network.node_links(PLAN, 2, 4711, [1, 2, 3])
    assert [command for command in within if "10.216" in command] == [
        "route replace 10.216.13.0/24 via 10.210.3.11",
        "route replace 10.216.15.0/24 via 10.210.3.13",
    ]


def test_the_kubelet_uses_the_cgroup_that_was_made_for_it_and_the_dns_of_its_node():
    content = kubelet(FILES)
    assert content["cgroupRoot"] == "/localkube3-node2"
    assert content["clusterDNS"] == ["10.210.3.12"]


def test_kube_proxy_leaves_the_limits_of_the_host_alone():
    command = flags(proxy_command(FILES))
    assert command["conntrack-max-per-core"] == command["conntrack-tcp-timeout-established"] == "0"


def test_the_api_server_authorizes_like_a_real_one():
    command = flags(controlplaneconfig.apiserver(Path("/state/c"), PLAN))
    assert command["authorization-mode"] == "Node,RBAC"
    assert command["service-cluster-ip-range"] == str(PLAN.services)


def test_the_data_of_etcd_lies_outside_of_what_a_restart_makes_anew():
    assert flags(controlplaneconfig.etcd(Path("/state/c")))["data-dir"] == "/state/c/etcd"


def test_only_nodes_get_private_folders_for_container_logs():
    assert inside(Path("/s"), runs_containers=False)["tmpfs"] == ["/run"]
    assert inside(Path("/s"), runs_containers=True)["tmpfs"] == ["/run", "/var/log"]


def test_every_user_gets_a_kubeconfig_with_its_own_certificate(tmp_path):
    write_pki(tmp_path / "pki", PLAN, nodes=2)
    target = tmp_path / "kubeconfig"
    write_kubeconfig(target, tmp_path / "pki", "https://10.210.3.2:6443", "node2", "mine")
    content = yaml.safe_load(target.read_text())
    assert content["current-context"] == "mine"
    assert set(content["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert target.stat().st_mode & 0o077 == 0
    assert all(key.stat().st_mode & 0o077 == 0 for key in (tmp_path / "pki").glob("*.key"))


def node(status: str, heartbeat: str):
    return {"status": {"conditions": [{"type": "Ready", "status": status, "lastHeartbeatTime": heartbeat}]}}


@pytest.mark.parametrize(
    ("object_", "lease", "expected"),
    [
        (node("True", "2026-01-01T00:00:10Z"), {}, True),
        (node("True", "2025-12-31T23:59:00Z"), {}, False),
        (node("True", "2025-12-31T23:59:00Z"), {"spec": {"renewTime": "2026-01-01T00:00:10.123456Z"}}, True),
        (node("False", "2026-01-01T00:00:10Z"), {}, False),
        ({"status": {}}, {}, False),
        ({}, {}, False),
    ],
    ids=["reported since", "report of a former life", "lease renewed since", "not ready", "never reported", "no node"],
)
def test_a_node_is_ready_only_by_a_fresh_sign_of_life(object_, lease, expected):
    assert is_ready_since(object_, lease, 1767225600.0) is expected


def test_prometheus_runs_from_the_image_that_is_loaded_and_scrapes_both_kinds_of_pods():
    objects = list(yaml.safe_load_all(monitoring.MANIFEST.read_text()))
    by_kind = {each["kind"]: each for each in objects}
    container = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == PROMETHEUS.reference
    jobs = yaml.safe_load(by_kind["ConfigMap"]["data"]["prometheus.yml"])["scrape_configs"]
    kept = {job["job_name"]: job["relabel_configs"][0]["regex"] for job in jobs}
    assert kept == {"serin-server": "server;metrics", "serin-operator": "serin-operator;http"}
    assert by_kind["Service"]["metadata"]["name"] == "prometheus"


def test_machines_keep_their_hardware_addresses_when_others_come_and_go():
    _, within = network.control_plane_links(PLAN, 1)
    assert f"link add bridge address {PLAN.hardware_address(0)} type bridge" in within
    at_bridge, _ = network.node_links(PLAN, 2, 1, [])
    assert f"address {PLAN.hardware_address(2)} " in at_bridge[0]
    assert len({AddressPlan(index).hardware_address(number) for index in range(16) for number in range(4)}) == 64
