"""How soon a version that only fails is away: `make bench-reaction` (RUNS=3).

Runs under pytest for the fixtures of the end-to-end tests: a cluster with a node, Serin by its chart, a Gateway.
Leaves results.json and results.md beside this file, or in the folder that OUT names.
"""

import json
import os
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks.reaction import report
from benchmarks.reaction.clients import LOST, Client, asking
from benchmarks.reaction.models import failing_model
from benchmarks.reaction.statuses import watching
from tests.support.addons import PARENT
from tests.support.serin import Space

RUNS = int(os.environ.get("RUNS", "3"))
OUT = Path(os.environ.get("OUT") or Path(__file__).parent)
INTERVAL = 5
PODS = 2
TAIL = 2.0
ROADS = ("gateway", "replica ratio")
RUN = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


@pytest.mark.parametrize("number", range(RUNS))
@pytest.mark.parametrize("road", ROADS)
def test_reaction(serin, gateway, road, number):
    """One round, in a namespace of its own: a failing version gets half of the requests, and is rolled back."""
    space = Space(serin, f"{road.replace(' ', '-')}-{number}")
    serin.kubernetes.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space.namespace}})
    serin.put_models({"failing.onnx": failing_model()})
    host = f"{space.namespace}.example"
    traffic = {"gateway": {"parentRefs": [PARENT], "hostnames": [host]}} if road == "gateway" else {}
    space.apply("v1", **rollout(traffic))
    space.wait_until_serves("v1", 300)
    address = gateway.address if traffic else service_address(space)
    kinds = {kind: client(space, address, host, kind) for kind in ("kept", "new")}
    keep([{"road": road, **row} for row in one(space, "failing", traffic, kinds)])
    serin.kubernetes.kubectl("delete", "namespace", space.namespace, "--wait=false")


def rollout(traffic):
    """Spec of every version: half of the requests, and a look at the errors every interval."""
    errors = {"name": "errors", "errorRate": {"maxIncrease": 0.02}}
    spec = {
        "replicas": PODS,
        "analysis": {"intervalSeconds": INTERVAL, "minSamples": 50, "metrics": [errors]},
        "rollout": {"steps": [{"weight": 50, "holdSeconds": 3600}], "progressDeadlineSeconds": 300},
    }
    return spec | ({"traffic": traffic} if traffic else {})


def service_address(space):
    """ClusterIP of the client Service, which this machine reaches."""
    return space.kubectl("get", "service", space.name, "-o", "jsonpath={.spec.clusterIP}")


def client(space, address, host, kind):
    """A client that asks about one patient."""
    patient = json.loads((space.serin.files / "patients.json").read_text())["features"][0]
    inputs = [{"name": "features", "datatype": "FP32", "shape": [1, len(patient)], "data": patient}]
    path, body = f"/v2/models/{space.name}/infer", json.dumps({"inputs": inputs})
    return Client(address, host, path, body, keeps_connections=kind == "kept")


def one(space, version, traffic, kinds):
    """One failing version from its first request to its last, as each kind of client saw it."""
    with ExitStack() as stack:
        answers = {kind: stack.enter_context(asking(each)) for kind, each in kinds.items()}
        watch = stack.enter_context(watching(space))
        lag = max(watch.lag_ms() for _ in range(3))
        space.apply(version, "http://models.models.svc/failing.onnx", **rollout(traffic))
        entry = space.wait_for_outcome(version, "RolledBack", 300)
        space.wait_until("its pods are gone", lambda: len(space.pods()) == PODS, 120)
        until = time.monotonic() + 3
        space.wait_until("and nothing else comes", lambda: time.monotonic() > until, 30)
    heard = {
        "held": next(at for at, obj in watch.heard if is_held(obj, version)),
        "verdict": next(at for at, obj in watch.heard if is_rolled_back(obj, version)),
    }
    shared = {"watch_lag_ms": lag, "why": entry["reason"], "load_average": round(os.getloadavg()[0], 1)}
    return [{"connections": kind, **told(each, heard, lag), **shared} for kind, each in answers.items()]


def is_held(obj, version):
    """Whether the weight of a version is said to be in force."""
    canary = obj.get("status", {}).get("canary") or {}
    return (canary.get("version"), canary.get("phase")) == (version, "Holding")


def is_rolled_back(obj, version):
    """Whether status says so of a version: it is written before anything is done about it."""
    entries = obj.get("status", {}).get("versions", [])
    return any(each["version"] == version and each.get("outcome") == "RolledBack" for each in entries)


def told(answers, heard, lag):
    """What clients have seen, in milliseconds, seconds and counts.

    The upper bound of what follows a verdict dates it back by all that the watch can have been late, and lets the last
    failure be as late as one could have been unseen: by the longest pause between failures just before.
    """
    failed = [each for each in answers if each.code not in {200, LOST}]
    first, sent = min(each.answered for each in failed), sorted(each.sent for each in failed)
    late = [each for each in sent if each > sent[-1] - TAIL]
    unseen = max((later - earlier for earlier, later in pairwise(late)), default=TAIL)
    last_ms = round((sent[-1] - heard["verdict"]) * 1000)
    return {
        "requests": len(answers),
        "failed": len(failed),
        "codes": sorted({each.code for each in failed}),
        "lost": sum(each.code == LOST for each in answers),
        "first_failure_to_held_s": round(heard["held"] - first, 2),
        "first_failure_to_verdict_s": round(heard["verdict"] - first, 2),
        "verdict_to_last_ms": last_ms,
        "verdict_to_last_at_most_ms": last_ms + lag + round(unseen * 1000),
        "first_failure_to_zero_s": round(sent[-1] - first, 2),
    }


def keep(rows):
    """Write what there is so far: a run that is ended early leaves its rounds."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "results.json"
    results = json.loads(path.read_text()) if path.exists() else []
    results = [each for each in results if each["run"] == RUN] + [{"run": RUN, **row} for row in rows]
    path.write_text(json.dumps(results, indent=1) + "\n")
    (OUT / "results.md").write_text(report.table(results, INTERVAL))
    print(json.dumps(rows), flush=True)
