"""What surrounds a route is read with the rights that there are."""

from typing import Any

import pytest

from serin_operator.api.traffic import Traffic
from serin_operator.cluster.errors import Forbidden, Transient, error_of
from serin_operator.observe.gateways import GatewayReader, Sight

THEIRS = Traffic.model_validate({"routeRef": {"name": "mine"}})


class MayNotGet:
    """An API server that lets the operator list routes, and get none."""

    async def get(self, *_: Any) -> None:
        raise Forbidden('get HTTPRoute scoring/mine: cannot get resource "httproutes"')


async def test_a_route_that_may_not_be_read_is_told_and_ends_no_observation() -> None:
    reader = GatewayReader(MayNotGet(), lambda: 0.0)  # type: ignore[arg-type] - as much of a client as is needed
    seen = await reader.surroundings("scoring", THEIRS, ())
    assert seen.problem == 'get HTTPRoute scoring/mine: cannot get resource "httproutes"'
    assert seen.is_known


async def test_a_kind_that_may_not_be_listed_is_told_in_the_words_of_the_api_server() -> None:
    reader = GatewayReader(MayNotGet(), lambda: 0.0, lambda _: Sight(is_listed=False, problem="list httproutes: no"))  # type: ignore[arg-type] - it is not called
    assert (await reader.surroundings("scoring", THEIRS, ())).problem == "list httproutes: no"


async def test_an_api_server_that_fails_is_tried_again_and_told_with_its_code_when_it_lasts() -> None:
    now, words = [0.0], {"message": "conversion webhook failed"}

    class Fails:
        async def get(self, *_: Any) -> None:
            raise error_of(500, words, call="get HTTPRoute scoring/mine")

    reader = GatewayReader(Fails(), lambda: now[0])  # type: ignore[arg-type] - as much of a client as is needed
    for now[0] in (0.0, 14.0):
        with pytest.raises(Transient):
            await reader.surroundings("scoring", THEIRS, ())
    now[0] = 15.0
    seen = await reader.surroundings("scoring", THEIRS, ())
    assert seen.problem == "get HTTPRoute scoring/mine: conversion webhook failed (HTTP 500)"
    assert seen.is_outage
    assert seen.is_known


async def test_a_listing_that_fails_is_no_right_that_is_missing() -> None:
    sight = Sight(is_listed=False, problem="list httproutes: HTTP 503", is_outage=True)
    reader = GatewayReader(MayNotGet(), lambda: 0.0, lambda _: sight)  # type: ignore[arg-type] - it is not called
    assert (await reader.surroundings("scoring", THEIRS, ())).is_outage


async def test_what_others_see_meanwhile_does_not_make_a_lasting_failure_a_new_one() -> None:
    now = [0.0]

    class FailsForOne:
        async def get(self, _: Any, namespace: str, name: str) -> None:
            if namespace == "scoring":
                raise error_of(500, None, call=f"get HTTPRoute {namespace}/{name}")

    reader = GatewayReader(FailsForOne(), lambda: now[0])  # type: ignore[arg-type] - as much of a client as is needed
    with pytest.raises(Transient):
        await reader.surroundings("scoring", THEIRS, ())
    now[0] = 14.0
    assert (await reader.surroundings("fraud", THEIRS, ())).problem is None
    now[0] = 16.0
    assert (await reader.surroundings("scoring", THEIRS, ())).problem == "get HTTPRoute scoring/mine: HTTP 500"
