"""What one watch event costs in the loop of a process that knows so many ModelDeployments: from the line to the queue."""

import time

import orjson

from serin_operator.cluster.resources import CHILDREN, MODEL_DEPLOYMENTS
from serin_operator.cluster.store import Store
from serin_operator.runtime.inbox import Inbox
from serin_operator.runtime.workers import WorkQueue

SIZES = (100, 1_000, 10_000)
EVENTS = 2_000


def _object(resource, number, version):
    labels = {"serin.dev/model-deployment": f"m-{number}", "serin.dev/revision": "abc"}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "namespace": f"n-{number % 50}",
            "name": f"m-{number}" if resource == MODEL_DEPLOYMENTS else f"m-{number}-abc",
            "uid": f"{resource.kind}-{number}",
            "resourceVersion": str(version),
            "labels": {} if resource == MODEL_DEPLOYMENTS else labels,
        },
        "spec": {"containers": [{"name": "server", "image": "i"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True", "message": "x" * 400}]},
    }


def measure():
    """Microseconds an event, by the number of ModelDeployments and what happens."""
    return {str(size): _measured(size) for size in SIZES}


def _measured(size):
    store, queue = Store(time.monotonic), WorkQueue()
    inbox = Inbox(store, queue, lambda _namespace, _name: None)
    version = 0
    for number in range(size):
        for resource in (MODEL_DEPLOYMENTS, *CHILDREN):
            version += 1
            inbox.take("ADDED", _object(resource, number, version))
    inbox.lead()
    found = {}
    for kind, resource in (("MODIFIED", CHILDREN[0]), ("MODIFIED", MODEL_DEPLOYMENTS), ("DELETED", MODEL_DEPLOYMENTS)):
        lines = []
        for number in range(min(EVENTS, size)):
            version += 1
            lines.append(orjson.dumps({"type": kind, "object": _object(resource, number % size, version)}))
        began = time.process_time()
        for line in lines:
            event = orjson.loads(line)
            inbox.take(event["type"], event["object"])
        found[f"{kind} {resource.kind}"] = round(1e6 * (time.process_time() - began) / len(lines), 1)
    return found
