"""Which pods get requests, read off EndpointSlices."""

from typing import Any

from serin_operator.observe.children import Children
from serin_operator.observe.views import endpoints


def a_slice(service: str, *listed: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"labels": {"kubernetes.io/service-name": service}}, "endpoints": list(listed)}


def endpoint(pod: str, **conditions: bool) -> dict[str, Any]:
    return {"conditions": conditions, "targetRef": {"kind": "Pod", "name": pod}}


def reached(*slices: dict[str, Any]) -> set[str]:
    return set(endpoints(Children(endpoint_slices=list(slices)), "m"))


def test_all_slices_of_the_client_service_count_and_no_others() -> None:
    ipv4 = a_slice("m", endpoint("a", ready=True), endpoint("b", ready=True))
    ipv6 = a_slice("m", endpoint("a", ready=True), endpoint("c", ready=True))
    assert reached(ipv4, ipv6, a_slice("m-revision", endpoint("d", ready=True))) == {"a", "b", "c"}


def test_a_pod_that_is_not_ready_or_terminates_gets_no_requests() -> None:
    leaving = endpoint("c", ready=False, serving=True, terminating=True)
    assert reached(a_slice("m", endpoint("a", ready=True), endpoint("b", ready=False), leaving)) == {"a"}


def test_unknown_readiness_means_ready() -> None:
    assert reached(a_slice("m", endpoint("a"), {"targetRef": {"name": "b"}})) == {"a", "b"}


def test_a_slice_without_endpoints_and_an_address_that_is_no_pod() -> None:
    empty = {"metadata": {"labels": {"kubernetes.io/service-name": "m"}}, "endpoints": None}
    assert reached(empty, a_slice("m", {"addresses": ["192.0.2.1"], "conditions": {"ready": True}})) == set()
