"""A ModelDeployment is deleted while its weights stand in a route of somebody's own: they are given back, and nobody waits."""

import pytest
from tests.support.simulation import Simulation, behind_route, canary, model_of, phase, rollout, spec
from tests.support.simulation.beginnings import backend
from tests.support.simulation.faults import Fault

from serin_operator.cluster.errors import Forbidden, Transient

ONE, TWO = "credit-risk", "credit-risk-canary"
SHARED = {"backendRefs": [backend(ONE, 100), backend("legacy", 100), backend(TWO, 0)]}


def weights(simulation: Simulation) -> list[int]:
    route = simulation.gateways.route("mine")
    assert route is not None
    return [b["weight"] for b in route["spec"]["rules"][0]["backendRefs"]]


async def split() -> Simulation:
    """v2 has forty percent of what the two have together, beside another backend."""
    simulation = await behind_route(SHARED, analysis=False)
    await canary(simulation, rollout=rollout(40, hold=300))
    await simulation.live_until(lambda s: phase(s) == "Holding", 60)
    assert weights(simulation) == [60, 100, 40]
    return simulation


def orphan(simulation: Simulation) -> None:
    """``kubectl delete --cascade=orphan``: what served serves on."""
    uid = simulation.mdep["metadata"]["uid"]
    for obj in list(simulation.objects.values()):
        owners = obj["metadata"].get("ownerReferences") or []
        if any(owner["uid"] == uid for owner in owners):
            obj["metadata"]["ownerReferences"] = []
    simulation.remove(simulation.mdep)


async def test_in_mid_rollout_all_of_it_is_what_stables_service_had_again() -> None:
    simulation = await split()
    simulation.remove(simulation.mdep)
    await simulation.live(5)
    assert weights(simulation) == [100, 100, 0]
    assert simulation.errors == []


async def test_where_the_children_are_kept_requests_reach_what_serves() -> None:
    simulation = await split()
    orphan(simulation)
    await simulation.live(10)
    assert weights(simulation) == [100, 100, 0]
    assert simulation.moments[-1].answered.keys() == {"v1"}


async def test_one_that_is_only_marked_gives_them_back_while_its_children_go() -> None:
    simulation = await split()
    simulation.mdep["metadata"]["deletionTimestamp"] = simulation.now.isoformat()
    simulation.touch(simulation.mdep)
    await simulation.live(5)
    assert weights(simulation) == [100, 100, 0]


async def test_one_that_takes_its_place_without_the_route_does_not_keep_them() -> None:
    simulation = await split()
    simulation.remove(simulation.mdep)
    simulation.kubectl_apply(spec("v3", model=model_of("v3")))
    await simulation.live(5)
    assert weights(simulation) == [100, 100, 0]


async def test_a_route_that_has_nothing_of_ours_any_more_is_not_written() -> None:
    simulation = await split()
    simulation.gateways.people_write("mine", [{"backendRefs": [backend(ONE, 60), backend("legacy", 100)]}])
    writes = simulation.written("json")
    simulation.remove(simulation.mdep)
    await simulation.live(5)
    assert weights(simulation) == [60, 100]
    assert simulation.written("json") == writes


async def test_an_api_server_that_is_away_for_a_while_is_tried_again() -> None:
    simulation = await split()
    simulation.refuse(Fault(Transient, lambda _: "HTTP 503", verb="json", times=3))
    simulation.remove(simulation.mdep)
    await simulation.live(40)
    assert weights(simulation) == [100, 100, 0]


@pytest.mark.parametrize("error", [Forbidden, Transient])
async def test_what_cannot_be_given_back_is_given_up_and_holds_nothing_up(error: type[Forbidden | Transient]) -> None:
    simulation = await split()
    simulation.refuse(Fault(error, lambda _: "no", verb="json"))
    simulation.remove(simulation.mdep)
    await simulation.live(150)
    looked = len(simulation.reconciles)
    await simulation.live(120)
    assert weights(simulation) == [60, 100, 40]
    assert len(simulation.reconciles) <= looked + 1, "nothing is tried any more, but for a look at what is there"
    assert not simulation.of_kind("Deployment")
    assert simulation.errors == []


async def test_a_gateway_that_is_away_is_not_waited_for() -> None:
    simulation = await split()
    simulation.gateways.is_away = True
    simulation.remove(simulation.mdep)
    await simulation.live(5)
    assert weights(simulation) == [100, 100, 0]
    assert not simulation.of_kind("Deployment")
