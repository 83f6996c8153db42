"""Copies in a route: how they are written and read, what they need, and whether counts follow them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from serin_operator.api.spec import Analysis
from serin_operator.api.traffic import Gateway, Pin
from serin_operator.decide.analysis import Arm, Proportions, Stratum, Value
from serin_operator.decide.judging.strays import stray
from serin_operator.decide.looks import Look, LookResult
from serin_operator.decide.route import Backend
from serin_operator.decide.traffic.features import needs_of_mirror
from serin_operator.decide.traffic.rules import route_spec
from serin_operator.observe import routes

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PIN = Pin.model_validate({"header": {"name": "X-Tester", "value": "yes"}, "to": "Stable"})


def gateway(**more: Any) -> Gateway:
    return Gateway.model_validate({"parentRefs": [{"name": "public"}], **more})


def observed(spec: dict[str, Any]) -> Any:
    metadata = {"namespace": "scoring", "name": "m", "uid": "u", "resourceVersion": "7", "generation": 3}
    return routes.route({"kind": "HTTPRoute", "metadata": metadata, "spec": spec})


@pytest.mark.parametrize(("percent", "written"), [(1, {"percent": 1}), (99, {"percent": 99}), (100, {})])
def test_copies_are_a_filter_of_every_rule_without_a_pin_and_of_all_requests_it_says_no_number(
    percent: int, written: dict[str, int]
) -> None:
    spec = route_spec(gateway(), [Backend("m-a", 100)], [(PIN, "m-a")], Backend("m-b", percent), grpc=True)
    mirrors = [[f.get("requestMirror") for f in rule.get("filters", [])] for rule in spec["rules"]]
    to = {"group": "", "kind": "Service", "name": "m-b"}
    http, grpc = ({"backendRef": {**to, "port": port}, **written} for port in (80, 8081))
    assert mirrors == [[], [grpc], [], [http]]
    assert [rule["backendRefs"][0]["name"] for rule in spec["rules"]] == ["m-a"] * 4
    seen = observed(spec)
    assert [rule.mirrors for rule in seen.rules if not rule.is_pinned] == [(Backend("m-b", percent),)] * 2
    assert [rule.is_pinned for rule in seen.rules] == [True, False, True, False]
    assert seen.services == {"m-a", "m-b"}, "the pods that get copies are not taken away under the route"


@pytest.mark.parametrize(
    ("part", "percent"),
    [
        ({}, 100),
        ({"percent": 0}, 0),
        ({"percent": 5}, 5),
        ({"fraction": {"numerator": 1, "denominator": 4}}, 25),
        ({"fraction": {"numerator": 7}}, 7),
    ],
)
def test_a_mirror_is_read_as_the_gateway_api_defines_it(part: dict[str, Any], percent: int) -> None:
    filters = [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "m-b"}, **part}}]
    assert observed({"rules": [{"filters": filters}]}).rules[0].mirrors == (Backend("m-b", percent),)


def test_copies_need_a_feature_and_a_part_of_them_another_and_beside_peoples_own_a_third() -> None:
    theirs = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "theirs", "port": 80}}}
    one, part, many = "HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror", "HTTPRouteRequestMultipleMirrors"
    assert list(needs_of_mirror(gateway(), 100)) == [one]
    assert list(needs_of_mirror(gateway(), 99)) == [one, part]
    assert list(needs_of_mirror(gateway(filters=[theirs]), 100)) == [one, many]


def looked(canary: int, stable: int) -> LookResult:
    sample = Value(Proportions((Stratum(Arm(0, canary), Arm(0, stable)),), Arm()))
    return LookResult(Look("scoring", "m", "a", "b", NOW, NOW, NOW), {"errors": sample})


@pytest.mark.parametrize(
    ("canary", "stable", "mirror", "words"),
    [
        (500, 1000, 50, None),
        (300, 1000, 50, None),  # clients inside the cluster do not come by the route
        (1010, 1000, 100, None),  # each version is scraped at its own moments
        (1000, 1000, 50, "copies of 50 % are all that it should get"),
        (0, 1000, 50, "no copy of 1000 requests"),
        (0, 1000, 1, None),  # ten were expected
        (0, 40, 100, None),  # too few to accuse anybody
    ],
)
def test_counts_of_copies_are_held_against_stables_own_and_not_against_a_weight(
    canary: int, stable: int, mirror: int, words: str | None
) -> None:
    wanted = Analysis.model_validate({"metrics": [{"name": "errors", "errorRate": {}}]})
    said = stray(looked(canary, stable), wanted, 0, mirror)
    assert said is None if words is None else said is not None and words in said
