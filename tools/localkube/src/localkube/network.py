"""Links and routes of a cluster.

The bridge that joins the nodes lives inside the control plane's sandbox, not on the host: there no firewall rule of the
host (Docker drops forwarded packets) can touch it, and it goes when the sandbox goes. The host sees one interface.
"""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Network

from localkube.addresses import AddressPlan
from localkube.errors import LocalKubeError


def routed_ranges() -> list[IPv4Network]:
    """Every IPv4 range that the host already routes somewhere, the default route aside."""
    answer = json.loads(_run(["ip", "-json", "-4", "route", "show", "table", "all"]) or "[]")
    ranges = [IPv4Network(route["dst"], strict=False) for route in answer if route["dst"][0].isdigit()]
    return [each for each in ranges if each.prefixlen > 0]


def control_plane_links(plan: AddressPlan, pid: int) -> list[list[str]]:
    """Batches of `ip` commands: the first for the host, the second inside the control plane's namespaces.

    The bridge has an address of its own: by default it takes one of its ports', so it would change when a node comes or
    goes, and everybody who knew the old one would lose the control plane for half a minute.
    """
    length = plan.network.prefixlen
    return [
        [
            f"link add {plan.host_link} type veth peer name host netns {pid}",
            f"address add {plan.host}/{length} dev {plan.host_link}",
            f"link set {plan.host_link} up",
        ],
        [
            f"link add bridge address {plan.hardware_address(0)} type bridge",
            f"address add {plan.control_plane}/{length} dev bridge",
            "link set bridge up",
            "link set host master bridge up",
            f"route add default via {plan.host}",
        ],
    ]


def node_links(plan: AddressPlan, number: int, pid: int, others: list[int]) -> list[list[str]]:
    """Batches of `ip` commands for a node: the first inside the control plane, the second inside the node.

    The default route goes to the host, which forwards nothing: no packet of the cluster leaves the machine.
    """
    length = plan.network.prefixlen
    return [
        [
            f"link add node{number} type veth peer name eth0 address {plan.hardware_address(number)} netns {pid}",
            f"link set node{number} master bridge up",
            f"route replace {plan.node_pods(number)} via {plan.node(number)}",
        ],
        [
            f"address add {plan.node(number)}/{length} dev eth0",
            "link set eth0 up",
            f"route add default via {plan.host}",
            *(f"route replace {plan.node_pods(other)} via {plan.node(other)}" for other in others if other != number),
        ],
    ]


def routes_to_pods_and_services(plan: AddressPlan, running: list[int]) -> list[str]:
    """`ip` commands that let the host (and the control plane) reach pods directly, and ClusterIPs through a node that runs."""
    commands = [f"route replace {plan.node_pods(number)} via {plan.node(number)}" for number in running]
    if running:
        commands.append(f"route replace {plan.services} via {plan.node(running[0])}")
    return commands


def run_batch(commands: list[str], inside: int | None = None) -> None:
    """Run `ip` commands, all in one process, in the network namespace of the process `inside`."""
    enter = ["nsenter", "--target", str(inside), "--net"] if inside else []
    _run([*enter, "ip", "-batch", "-"], "\n".join(commands) + "\n")


def remove_link(name: str) -> None:
    """Remove an interface of the host if it is (still) there; its routes go with it."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def _run(command: list[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalKubeError(
            f"{' '.join(command)} failed: {done.stderr.strip()}\n{text}", "localkube needs CAP_NET_ADMIN"
        )
    return done.stdout
