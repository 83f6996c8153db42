"""Which addresses a cluster uses, computed from its index, so that clusters stand side by side without talking about it.

10.210.<index>.0/24      the cluster's own network: .1 the host, .2 the control plane, .11 … the nodes
10.212.0.0/14            Services: 16 blocks of 16,384 addresses
10.216.<4 x index>.0/22  pods: one /24 a node
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

INDEXES = range(16)
MOST_NODES = 3


@dataclass(frozen=True)
class AddressPlan:
    """All addresses and interface names of the cluster with this index."""

    index: int

    @property
    def network(self) -> IPv4Network:
        """Joins host, control plane and nodes."""
        return IPv4Network((f"10.210.{self.index}.0", 24))

    @property
    def host(self) -> IPv4Address:
        """The machine itself, at the end of its one link into the cluster."""
        return self.network[1]

    @property
    def control_plane(self) -> IPv4Address:
        """Where kube-apiserver listens."""
        return self.network[2]

    @property
    def services(self) -> IPv4Network:
        """The range of ClusterIPs."""
        return list(IPv4Network("10.212.0.0/14").subnets(new_prefix=18))[self.index]

    @property
    def kubernetes_service(self) -> IPv4Address:
        """The ClusterIP of `kubernetes.default`."""
        return self.services[1]

    @property
    def pods(self) -> IPv4Network:
        """The range of all pods."""
        return list(IPv4Network("10.216.0.0/16").subnets(new_prefix=22))[self.index]

    @property
    def host_link(self) -> str:
        """The only network interface that the host sees of this cluster."""
        return f"localkube{self.index}"

    def node(self, number: int) -> IPv4Address:
        """Address of node 1, 2, 3."""
        return self.network[10 + number]

    def node_pods(self, number: int) -> IPv4Network:
        """Pod range of node 1, 2, 3."""
        return list(self.pods.subnets(new_prefix=24))[number]

    def hardware_address(self, number: int) -> str:
        """Fixed MAC address of the control plane (0) or a node, so that no neighbour has to forget an old one."""
        return f"02:6c:6b:00:{self.index:02x}:{number:02x}"

    def overlaps(self, ranges: Iterable[IPv4Network]) -> bool:
        """Whether one of the given ranges meets ours."""
        ours = (self.network, self.services, self.pods)
        return any(mine.overlaps(other) for other in ranges for mine in ours)


def free_plan(claimed: Iterable[int], routed: Iterable[IPv4Network]) -> AddressPlan | None:
    """The first plan whose index no cluster has claimed and whose ranges the host does not route already."""
    taken, routed = set(claimed), list(routed)
    plans = (AddressPlan(index) for index in INDEXES if index not in taken)
    return next((plan for plan in plans if not plan.overlaps(routed)), None)
