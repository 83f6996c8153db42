"""The Gateway itself, with nothing of Serin's: an HTTPRoute splits requests over two Deployments as its weights say."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.addons import PARENT, Gateway, Request
from tests.support.kubernetes import Kubernetes

pytestmark = pytest.mark.e2e

NAMESPACE = "split"
HOST = "split.example"
REQUEST = Request(HOST)


@pytest.fixture(scope="module")
def arms(cluster: Kubernetes, gateway: Gateway) -> Iterator[Kubernetes]:
    """Two web servers, `old` and `new`, each answering with its name."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.apply(*web("old"), *web("new"), route(90, 10))
    for arm in ("old", "new"):
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{arm}", "--timeout=60s")
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def counted(gateway: Gateway, times: int) -> Counter[str]:
    return gateway.answers(REQUEST, times, lambda body: body.decode().strip())


@pytest.mark.parametrize(("old", "new"), [(90, 10), (199, 1), (0, 100)])
def test_requests_are_split_exactly_as_the_weights_say(arms: Kubernetes, gateway: Gateway, old: int, new: int) -> None:
    arms.apply(route(old, new))
    rounds = 1000 // (old + new)
    arms.wait_for("the route serves", lambda: is_split(gateway, old, new), 30)
    told = counted(gateway, rounds * (old + new))
    assert told["lost"] == 0
    assert abs(told["new"] - rounds * new) <= 1, told


def is_split(gateway: Gateway, old: int, new: int) -> bool:
    told = counted(gateway, old + new)
    return told["lost"] == 0 and abs(told["new"] - new) <= 1


def test_the_class_is_accepted_and_does_not_list_what_it_can_do(arms: Kubernetes, gateway: Gateway) -> None:
    status = arms.get("gatewayclass", "envoy")["status"]
    assert [each["status"] for each in status["conditions"] if each["type"] == "Accepted"] == ["True"]
    assert "supportedFeatures" not in status


def test_fields_that_are_not_standard_are_not_there(arms: Kubernetes, gateway: Gateway) -> None:
    odd = route(90, 10)
    odd["spec"]["rules"][0]["sessionPersistence"] = {"sessionName": "x"}
    assert "sessionPersistence" in arms.refused("apply", "--validate=strict", "-f", "-", text=json.dumps(odd))


def route(old: int, new: int) -> dict[str, Any]:
    """All requests for the host: so many parts for each arm."""
    backends = [{"name": "old", "port": 80, "weight": old}, {"name": "new", "port": 80, "weight": new}]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "split", "namespace": NAMESPACE},
        "spec": {"parentRefs": [PARENT], "hostnames": [HOST], "rules": [{"backendRefs": backends}]},
    }


def web(arm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Deployment of one pod that answers with `arm`, and its Service."""
    command = f"mkdir /tmp/w && echo {arm} > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w"
    container = {
        "name": "web",
        "image": "localhost/busybox:local",
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", command],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    template = {
        "metadata": {"labels": {"app": arm}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    named = {"metadata": {"name": arm, "namespace": NAMESPACE}}
    deployment = {"selector": {"matchLabels": {"app": arm}}, "template": template}
    service = {"selector": {"app": arm}, "ports": [{"port": 80, "targetPort": 8080}]}
    return (
        {"apiVersion": "apps/v1", "kind": "Deployment", **named, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", **named, "spec": service},
    )
