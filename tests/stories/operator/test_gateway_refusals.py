"""What cannot be is said before it is tried: a reason, a sentence, nothing touched."""

from typing import Any

import pytest
from tests.support.simulation import GATEWAY, Simulation, behind_gateway, canary, model_of, phase, rollout, spec, words
from tests.support.simulation.gateways import GROUP

from serin_operator.api import names


def with_traffic(traffic: dict[str, Any]) -> Simulation:
    simulation = Simulation()
    simulation.kubectl_apply(spec("v1", traffic=traffic))
    return simulation


def gateway(**more: Any) -> dict[str, Any]:
    return {"gateway": {**GATEWAY["gateway"], **more}}


def other_route(simulation: Simulation, kind: str = names.HTTP_ROUTE, **spec: Any) -> None:
    """Another team's route on the same Gateway."""
    metadata = {"namespace": "other", "name": "theirs", "creationTimestamp": simulation.now.isoformat()}
    parents = [{"group": GROUP, "kind": "Gateway", "namespace": "scoring", "name": "public"}]
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": []}]
    body = {"parentRefs": parents, "rules": rules, **spec}
    obj = {"apiVersion": names.GATEWAY_API_VERSION, "kind": kind, "metadata": metadata, "spec": body}
    simulation.put(obj)


async def test_without_the_gateway_api_a_version_serves_inside_and_it_is_said_what_is_missing() -> None:
    simulation = with_traffic(GATEWAY)
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == "GatewayApiMissing"
    assert "install the Gateway API" in words(simulation)
    assert simulation.condition("Available")["status"] == "True"
    assert simulation.moments[-1].endpoints == {"v1": 3}
    assert simulation.written("create", "HTTPRoute") == 0
    simulation.gateways.install()
    await simulation.live(30)
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.gateways.route() is not None


async def test_a_gateway_that_is_not_there_is_named() -> None:
    simulation = Simulation()
    simulation.gateways.install()
    simulation.kubectl_apply(spec("v1", traffic=gateway(parentRefs=[{"name": "pubic"}])))
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == "ParentNotFound"
    assert "there is no Gateway scoring/pubic" in words(simulation)
    assert simulation.gateways.route() is None


@pytest.mark.parametrize(
    ("more", "field", "feature"),
    [
        ({"timeouts": {"backendRequest": "2s"}}, "timeouts.backendRequest", "HTTPRouteBackendTimeout"),
        ({"filters": [{"type": "CORS", "cors": {}}]}, "filters[0] (CORS)", "HTTPRouteCORS"),
    ],
)
async def test_what_the_class_does_not_list_is_refused_by_name(more: Any, field: str, feature: str) -> None:
    simulation = Simulation()
    simulation.gateways.install()
    simulation.kubectl_apply(spec("v1", traffic=gateway(**more)))
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == "GatewayCannot"
    assert f"spec.traffic.gateway.{field} needs {feature}, which GatewayClass envoy does not list" in words(simulation)
    assert simulation.gateways.route() is None


async def test_a_class_that_cannot_speak_h2c_gets_no_rule_for_grpc() -> None:
    simulation = Simulation()
    simulation.gateways.install("HTTPRouteRequestTimeout")
    simulation.kubectl_apply(spec("v1", traffic=gateway(timeouts={"request": "10s"})))
    await simulation.live(30)
    route = simulation.gateways.route()
    assert route is not None
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["timeouts"] == {"request": "10s"}


async def test_a_path_prefix_is_taken_off() -> None:
    simulation = await behind_gateway(traffic=gateway(pathPrefix="/credit"))
    route = simulation.gateways.route()
    assert route is not None
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/credit"}}]
    assert rule["filters"][0]["urlRewrite"] == {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    assert simulation.status["traffic"]["urls"] == ["http://models.example.com/credit"]


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
async def test_a_host_name_that_an_older_route_has_is_not_fought_over(kind: str) -> None:
    simulation = Simulation()
    simulation.gateways.install()
    other_route(simulation, kind, hostnames=["models.example.com"])
    simulation.kubectl_apply(spec("v1", traffic=GATEWAY))
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] == "HostnameTaken"
    assert f"{kind} other/theirs is older and has models.example.com" in words(simulation)
    assert simulation.gateways.route() is None
    simulation.change_spec(traffic=gateway(hostnames=["credit.example.com"]))
    await simulation.live(30)
    assert simulation.condition("Ready")["status"] == "True"


async def test_other_host_names_other_paths_and_younger_routes_are_nobodys_business() -> None:
    simulation = await behind_gateway()
    await simulation.live(5)
    other_route(simulation, hostnames=["models.example.com"])  # younger
    await simulation.live(30)
    assert simulation.condition("Stalled")["status"] == "False"
    later = Simulation()
    later.gateways.install()
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/fraud"}}], "backendRefs": []}]
    other_route(later, hostnames=["models.example.com"], rules=rules)
    later.kubectl_apply(spec("v1", traffic=GATEWAY))
    await later.live(30)
    assert later.condition("Ready")["status"] == "True"


async def test_a_mesh_has_no_class_and_takes_grpc_along() -> None:
    simulation = Simulation()
    simulation.gateways.install()
    mesh = {"gateway": {"parentRefs": [{"kind": "Service", "name": "credit-risk", "port": 80}]}}
    simulation.kubectl_apply(spec("v1", traffic=mesh))
    await simulation.live(30)
    route = simulation.gateways.route()
    assert route is not None
    assert route["spec"]["parentRefs"] == [{"group": "", "kind": "Service", "name": "credit-risk", "port": 80}]
    assert len(route["spec"]["rules"]) == 2
    assert simulation.condition("Ready")["status"] == "True"


async def test_a_gateway_that_goes_in_mid_canary_holds_the_step_and_says_so() -> None:
    simulation = await behind_gateway(analysis=False)
    await canary(simulation, rollout=rollout(25, 50, hold=20))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    simulation.gateways.refuses = ("NoMatchingParent", "no such listener")
    await simulation.live(60)
    assert phase(simulation) == "Holding"
    assert simulation.condition("Degraded")["reason"] == "RouteNotAccepted"
    simulation.change_spec(model=model_of("v1"))
    await simulation.live(20)
    assert simulation.stable == "v1"
    assert phase(simulation) is None


async def test_a_route_of_somebody_that_has_our_name_is_left_alone() -> None:
    simulation = Simulation()
    simulation.gateways.install()
    simulation.gateways.other_service("shop")
    theirs = simulation.gateways.people_write(simulation.name, [{"backendRefs": [{"name": "shop", "weight": 1}]}])
    simulation.kubectl_apply(spec("v1", traffic=GATEWAY))
    await simulation.live(40)
    assert simulation.condition("Stalled")["reason"] in {"NameTaken", "HostnameTaken"}, words(simulation)
    assert simulation.gateways.route() is theirs
    theirs["metadata"]["labels"] = names.child_labels(simulation.name)
    simulation.touch(theirs)
    simulation.change_spec(traffic=None)
    await simulation.live(40)
    assert simulation.gateways.route() is theirs
    assert "ownerReferences" not in theirs["metadata"]
    assert simulation.condition("Ready")["status"] == "True"
