"""Nothing is read, and so nothing decided, where something cannot be seen."""

import pytest

from serin_operator.cluster.errors import Blind
from serin_operator.cluster.store import Store
from serin_operator.observe.kubernetes import KubernetesReader


class Client:
    async def get(self, _resource, namespace, name):
        return {"metadata": {"namespace": namespace, "name": name}}


@pytest.fixture
def reader():
    blind = {"dark": "list pods in dark: pods is forbidden"}
    return KubernetesReader(Client(), Store(lambda: 0.0), lambda: 0.0, blind.get)


async def test_a_namespace_that_cannot_be_seen_is_not_read_and_the_reason_is_told(reader):
    with pytest.raises(Blind, match="pods is forbidden"):
        await reader.model_deployment("dark", "m")


async def test_the_others_are_read(reader):
    assert (await reader.model_deployment("light", "m"))["metadata"]["name"] == "m"
