"""Address plans: clusters side by side never meet, and keep away from what the host routes."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest

from localkube.addresses import INDEXES, MOST_NODES, AddressPlan, free_plan


def ranges(plan: AddressPlan) -> tuple[IPv4Network, ...]:
    return plan.network, plan.services, plan.pods


def test_no_range_of_any_cluster_meets_a_range_of_another():
    every = [each for index in INDEXES for each in ranges(AddressPlan(index))]
    assert not [pair for pair in combinations(every, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize("index", INDEXES)
def test_machines_lie_in_the_network_and_pods_in_the_pod_range(index: int):
    plan = AddressPlan(index)
    machines = [plan.host, plan.control_plane, *(plan.node(number) for number in range(1, MOST_NODES + 1))]
    assert len(set(machines)) == len(machines)
    assert all(machine in plan.network for machine in machines)
    assert all(plan.node_pods(number).subnet_of(plan.pods) for number in range(1, MOST_NODES + 1))
    assert plan.kubernetes_service in plan.services


def test_interface_names_fit_the_kernel():
    assert max(len(AddressPlan(index).host_link) for index in INDEXES) < 16


def test_the_first_unclaimed_index_is_taken():
    assert free_plan({0, 2}, []) == AddressPlan(1)


def test_a_range_that_the_host_routes_is_passed_over():
    assert free_plan(set(), [AddressPlan(0).services, IPv4Network("10.210.1.128/25")]) == AddressPlan(2)


def test_a_route_over_everything_leaves_nothing():
    assert free_plan(set(), [IPv4Network("10.0.0.0/8")]) is None


def test_all_claimed_leaves_nothing():
    assert free_plan(INDEXES, []) is None
