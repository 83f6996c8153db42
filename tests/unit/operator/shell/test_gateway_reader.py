"""What surrounds a route is read with the rights that there are."""

from typing import Any

from serin_operator.api.traffic import Traffic
from serin_operator.cluster.errors import Forbidden
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
