"""What a route says, who may have the requests instead, and what parents say: row by row."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serin_operator.api.reasons import Reason
from serin_operator.api.traffic import Gateway, Pin
from serin_operator.decide.child import ChildMeta
from serin_operator.decide.route import GROUP, Answer, Backend, Neighbour, Parent, Route, RouteRule, Said
from serin_operator.decide.traffic.attached import lack_of
from serin_operator.decide.traffic.beside import bearable, canary_pods
from serin_operator.decide.traffic.features import needs_of
from serin_operator.decide.traffic.rules import backends_of, route_spec
from serin_operator.decide.traffic.split import Split
from serin_operator.decide.traffic.taken import _clash, _meet

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(minutes=5)
PUBLIC = Parent(GROUP, "Gateway", "scoring", "public")
HTTPS = Parent(GROUP, "Gateway", "scoring", "public", "https")
YES = Said(True, "Accepted", "", 3)


def gateway(**more: Any) -> Gateway:
    return Gateway.model_validate({"parentRefs": [{"name": "public"}], **more})


def route(*answers: Answer, created: datetime = NOW) -> Route:
    meta = ChildMeta("gateway.networking.k8s.io/v1", "HTTPRoute", "m", "uid", "7", True, created)
    return Route(meta, 3, (RouteRule("", (Backend("m-a", 100),)),), answers)


@pytest.mark.parametrize(
    ("stable", "weight", "pods"),
    [(3, 1, 1), (3, 34, 2), (10, 25, 3), (10, 90, 9), (10, 100, 10), (1, 50, 1), (4, 0, 1)],
)
def test_a_canary_has_the_pods_that_its_share_needs(stable: int, weight: int, pods: int) -> None:
    assert canary_pods(stable, weight) == pods


@pytest.mark.parametrize(
    ("now", "stable", "canary", "weight"),
    [
        (0, 8, 4, 50),
        (0, 8, 3, 50),  # nearly all of them
        (10, 8, 1, 10),  # too few for more
        (50, 8, 2, 50),  # what it has it keeps
        (80, 8, 2, 50),  # never more than is wanted
        (50, 8, 1, 11),  # but for what one pod of four would have to bear
        (87, 8, 7, 50),
        (87, 1, 7, 87),  # nor does stable get back what it cannot bear yet
        (87, 2, 6, 75),
        (87, 3, 6, 50),
        (50, 8, 0, 0),
        (50, 0, 1, 100),
    ],
)
def test_weight_grows_when_the_pods_for_it_are_there(now: int, stable: int, canary: int, weight: int) -> None:
    assert bearable(Split("a", "b", 50), {"a": 8, "b": 4}, now, stable, canary) == weight


@pytest.mark.parametrize(
    ("answers", "reason", "needs_person"),
    [
        ((), Reason.ROUTE_PENDING, False),
        ((Answer(PUBLIC, YES, YES),), None, False),
        ((Answer(PUBLIC, YES, None),), Reason.ROUTE_PENDING, False),
        ((Answer(PUBLIC, Said(True, "Accepted", "", 2), YES),), Reason.ROUTE_PENDING, False),
        ((Answer(PUBLIC, Said(False, "NotAllowedByListeners", "no", 3), YES),), Reason.ROUTE_NOT_ACCEPTED, True),
        ((Answer(PUBLIC, YES, Said(False, "BackendNotFound", "s", 3, NOW)),), Reason.ROUTE_NOT_ACCEPTED, False),
        ((Answer(PUBLIC, YES, Said(False, "BackendNotFound", "s", 3, LONG_AGO)),), Reason.ROUTE_NOT_ACCEPTED, True),
        ((Answer(HTTPS, YES, YES),), Reason.ROUTE_PENDING, False),
        ((Answer(PUBLIC, Said(False, "X", "", 3), YES), Answer(PUBLIC, YES, YES)), None, False),
    ],
)
def test_a_route_is_followed_when_its_parent_says_so_of_its_present_generation(
    answers: tuple[Answer, ...], reason: Reason | None, needs_person: bool
) -> None:
    lack = lack_of(route(*answers), NOW, (PUBLIC,))
    assert (lack.reason if lack else None) == reason
    assert bool(lack and lack.needs_person) == needs_person


def test_a_parent_that_says_nothing_for_a_minute_is_a_persons_affair() -> None:
    lack = lack_of(route(created=LONG_AGO), NOW, (PUBLIC,))
    assert lack is not None
    assert lack.needs_person
    assert "Gateway scoring/public has said nothing about HTTPRoute m" in lack.message


@pytest.mark.parametrize(
    ("wanted", "hosts", "kind", "paths", "clashes"),
    [
        ({"hostnames": ["a.example.com"]}, ("a.example.com",), "HTTPRoute", ("/",), True),
        ({"hostnames": ["a.example.com"]}, ("a.example.com",), "HTTPRoute", ("/fraud",), False),
        ({"hostnames": ["a.example.com"], "pathPrefix": "/fraud"}, ("a.example.com",), "HTTPRoute", ("/fraud",), True),
        ({"hostnames": ["a.example.com"]}, ("b.example.com",), "HTTPRoute", ("/",), False),
        ({"hostnames": ["a.example.com"]}, ("*.example.com",), "HTTPRoute", ("/",), False),
        ({"hostnames": ["a.example.com"]}, (), "HTTPRoute", ("/",), False),
        ({}, (), "HTTPRoute", ("/",), True),
        ({"hostnames": ["a.example.com"]}, ("*.example.com",), "GRPCRoute", (), True),
        ({"hostnames": ["a.example.com"]}, (), "GRPCRoute", (), True),
        ({"hostnames": ["a.example.com"]}, ("b.example.com",), "GRPCRoute", (), False),
    ],
)
def test_who_has_the_requests_of_a_host_name(
    wanted: dict[str, Any], hosts: tuple[str, ...], kind: str, paths: tuple[str, ...], clashes: bool
) -> None:
    other = Neighbour(kind, "other", "theirs", LONG_AGO, (PUBLIC,), hosts, paths)
    assert _clash(gateway(**wanted), other) is clashes


def test_routes_meet_on_a_listener_that_takes_both() -> None:
    assert _meet((PUBLIC,), (HTTPS,))
    assert not _meet((Parent(GROUP, "Gateway", "scoring", "public", "http"),), (HTTPS,))
    assert not _meet((PUBLIC,), (Parent(GROUP, "Gateway", "other", "public"),))


def test_what_is_core_needs_no_feature_and_the_rest_names_its_field() -> None:
    assert needs_of(gateway(filters=[{"type": "RequestHeaderModifier"}])) == {}
    mirror = {"type": "RequestMirror", "requestMirror": {"percent": 5}}
    rewrite = {"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}
    wanted = gateway(grpc=True, timeouts={"request": "1s"}, filters=[mirror, rewrite])
    assert needs_of(wanted) == {
        "HTTPRouteBackendProtocolH2C": "grpc",
        "HTTPRouteRequestTimeout": "timeouts.request",
        "HTTPRouteRequestMirror": "filters[0] (RequestMirror)",
        "HTTPRouteRequestPercentageMirror": "filters[0] (RequestMirror)",
        "HTTPRouteHostRewrite": "filters[1] (URLRewrite)",
    }


def test_a_cookie_is_found_wherever_it_stands_and_nothing_else_is() -> None:

    pin = Pin.model_validate({"cookie": {"name": "tester", "value": "1.0"}, "to": "Canary"})
    spec = route_spec(gateway(), [Backend("m-a", 100)], [(pin, "m-b")], grpc=False)
    (header,) = spec["rules"][0]["matches"][0]["headers"]
    found = re.compile(header["value"])
    assert all(
        found.fullmatch(text) for text in ("tester=1.0", "a=b; tester=1.0", "tester=1.0; c=d", "a=b;tester=1.0;c=d")
    )
    assert not any(found.fullmatch(text) for text in ("tester=1x0", "mytester=1.0", "tester=1.00", "a=tester=1.0"))
    assert backends_of(spec) == ((Backend("m-b", 100),), (Backend("m-a", 100),))
