"""Services on an API server that gives out addresses of both families."""

from collections.abc import Iterator

import pytest
from tests.cluster.operator.test_applies import SPECS, Restarted, create, intents_of, live
from tests.support.kubernetes import Kubernetes, session_name

from localkube import Cluster, controlplaneconfig
from localkube.addresses import AddressPlan
from localkube.processes import myself
from serin_operator.act.unchanged import AsItIs
from serin_operator.cluster.client import ApiClient
from serin_operator.cluster.connection import Connection

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def dual_stack() -> Iterator[Kubernetes]:
    """A control plane whose Services have IPv4 and IPv6."""
    of_one_family = controlplaneconfig.apiserver

    def of_both(folder, plan: AddressPlan) -> list[str]:
        ranges = f"--service-cluster-ip-range={plan.services},fd00:10:{plan.index:x}::/112"
        return [*of_one_family(folder, plan), ranges]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controlplaneconfig, "apiserver", of_both)
        local = Cluster.up(session_name("dual"), nodes=0, owner=myself())
    try:
        yield Kubernetes(local.environment(), local)
    finally:
        local.down()


@pytest.fixture
async def client(dual_stack: Kubernetes):
    connection = await Connection.load({"KUBECONFIG": dual_stack.kubeconfig})
    calls: list[tuple[str, str]] = []
    async with connection.new_session() as session:
        client = ApiClient(session, connection.server, on_request=lambda verb, code: calls.append((verb, code)))
        client.calls = calls  # type: ignore[attr-defined]
        yield client


async def test_services_have_both_families_and_those_of_before_get_the_second(client):
    client_service, revision_service = intents_of("default", SPECS["as_little_as_possible"])[1:3]
    one = {name: value for name, value in client_service["spec"].items() if name != "ipFamilyPolicy"}
    old = await create(client, {**client_service, "spec": one})
    assert old["spec"]["ipFamilies"] == ["IPv4"]
    new = await create(client, revision_service)
    assert new["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    async with Restarted(client, "default") as process:
        await process.apply(client_service)
        assert isinstance(await process.apply(revision_service), AsItIs)
    found = await live(client, client_service)
    assert found["spec"]["clusterIPs"][0] == old["spec"]["clusterIP"]
    assert found["spec"]["clusterIPs"][1].startswith("fd00:10:")
    async with Restarted(client, "default") as process:
        assert isinstance(await process.apply(client_service), AsItIs)
        # An operator of before gives the policy up, and takes no address away.
        await process.apply({**client_service, "spec": one})
    assert (await live(client, client_service))["spec"]["clusterIPs"] == found["spec"]["clusterIPs"]
