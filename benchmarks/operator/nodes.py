"""The stand-in for nodes of the tests, made for thousands of pods: it watches instead of listing, and tells each thing once.

`python -m benchmarks.operator.nodes KUBECONFIG` runs until it is ended. A process of its own, so that nothing of it counts as
the operator's.
"""

import asyncio
import sys
from collections import defaultdict
from contextlib import suppress

from tests.support.kubelet import endpoints_of, status_of, tell_endpoints

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.client import MERGE_PATCH, ApiClient
from serin_operator.cluster.connection import Connection
from serin_operator.cluster.errors import ApiError
from serin_operator.cluster.resources import PODS, SERVICES, Scope
from serin_operator.cluster.stream import watch

AT_A_TIME = 8


class Nodes:
    """Reports about pods, and lists those that are ready behind their Services."""

    def __init__(self, client):
        self._client = client
        self._pods = defaultdict(dict)
        self._services = defaultdict(dict)
        self._reported, self._told = set(), {}
        self._todo, self._waiting = asyncio.Queue(), set()

    async def run(self):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(PODS, self._pods))
            tasks.create_task(self._follow(SERVICES, self._services))
            for _ in range(AT_A_TIME):
                tasks.create_task(self._work())

    async def _follow(self, resource, known):
        scope = Scope(resource, None, LABEL_MODEL_DEPLOYMENT)

        def take(kind, obj):
            if kind == "BOOKMARK":
                return
            metadata = obj["metadata"]
            key = metadata["namespace"], metadata["labels"][LABEL_MODEL_DEPLOYMENT]
            if kind == "DELETED":
                known[key].pop(metadata["name"], None)
            else:
                known[key][metadata["name"]] = obj
            if key not in self._waiting:
                self._waiting.add(key)
                self._todo.put_nowait(key)

        while True:
            with suppress(ApiError):
                since = await self._client.each(scope, lambda obj: take("ADDED", obj))
                await watch(self._client, scope, since, take, lambda: None)

    async def _work(self):
        while True:
            key = await self._todo.get()
            self._waiting.discard(key)
            with suppress(ApiError):  # it has changed, or is gone: its next event comes
                await self._look(key)

    async def _look(self, key):
        for pod in list(self._pods[key].values()):
            metadata = pod["metadata"]
            status = status_of(pod)
            if metadata["uid"] in self._reported or metadata.get("deletionTimestamp") or status is None:
                continue
            self._reported.add(metadata["uid"])
            path = PODS.path(metadata["namespace"], metadata["name"], "status")
            body = {"status": status}
            await self._client.call("PATCH", path, what="report", body=body, content_type=MERGE_PATCH)
        for service in list(self._services[key].values()):
            endpoints = endpoints_of(service, list(self._pods[key].values()))
            if self._told.get(service["metadata"]["uid"]) != endpoints:
                self._told[service["metadata"]["uid"]] = endpoints
                await tell_endpoints(self._client, service, endpoints)


async def main(kubeconfig):
    connection = await Connection.load({"KUBECONFIG": kubeconfig})
    async with connection.new_session() as session:
        await Nodes(ApiClient(session, connection.server)).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
