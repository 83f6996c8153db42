"""Argo Rollouts in the same place: a controller in Go that steps Deployments and asks Prometheus, for a ratio in one run.

The same control plane, stand-ins and counts as the operator's own scenarios. A Rollout makes less of itself than a ModelDeployment (no
model to look at, no Services, no events of its own here), so its figures are a floor to be near, not a contest.
"""

import asyncio
import os
import subprocess
import time
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.operator.measures import INTERVAL_SECONDS, idle, looks, settle
from benchmarks.operator.stage import (
    NAMESPACE,
    NOTHING,
    Audience,
    Readings,
    client_of,
    control_plane,
    create_all,
    each,
    helper,
    memory,
    quiet,
)
from tests.support.ports import free_port

from localkube.binaries.bundles import Bundle, ForeignModule
from localkube.binaries.find import programs_folder
from localkube.reporting import ToTerminal
from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT
from serin_operator.cluster.client import MERGE_PATCH
from serin_operator.cluster.resources import Resource

VERSION = "v1.9.0"
ROLLOUTS = Resource("argoproj.io/v1alpha1", "Rollout", "rollouts")
TEMPLATES = Resource("argoproj.io/v1alpha1", "AnalysisTemplate", "analysistemplates")
_CRDS = ("rollout", "experiment", "analysis-run", "analysis-template", "cluster-analysis-template")
_BUNDLE = Bundle(
    "argo-rollouts",
    VERSION,
    {},
    ForeignModule(
        "github.com/argoproj/argo-rollouts",
        VERSION,
        "h1:bXgBpwCByXyAUcgBnyP0fxkSW2CEot78InTFjFlag5g=",
        {"rollouts-controller": "./cmd/rollouts-controller"},
        ("-trimpath", "-ldflags", "-s -w"),
        charts={"crds": "manifests/crds"},
    ),
)


@dataclass
class Controller:
    """A process of it, read as the operator is."""

    process: subprocess.Popen

    @property
    def pid(self):
        return self.process.pid

    def page(self, _path):
        return ""  # its calls are counted by nobody

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def controller(folder, kubernetes, log):
    """One replica with its defaults, but for the lease: alone it needs none, and limits of its client that hold nothing up."""
    command = [folder / "rollouts-controller", "--kubeconfig", kubernetes.kubeconfig, "--leader-elect=false"]
    ports = ["--metricsPort", str(free_port()), "--healthzPort", str(free_port())]
    limits = ["--qps", "1000", "--burst", "1000", "--loglevel", "warn"]
    with Path(log).open("ab") as output:
        process = subprocess.Popen([*command, *ports, *limits], stdout=output, stderr=output)
    try:
        yield Controller(process)
    finally:
        process.kill()  # it has nothing to finish
        process.wait()


def rollout(number, image="v1", prometheus=""):
    """As many pods and steps as the ModelDeployment of the same number has."""
    name = f"model-{number:05}"
    labels = {"app": name, LABEL_MODEL_DEPLOYMENT: name}
    container = {"name": "server", "image": f"models:{image}", "ports": [{"containerPort": 8080}]}
    canary = {"maxSurge": 1, "maxUnavailable": 0, "steps": [{"setWeight": 50}, {"pause": {}}]}
    if prometheus:
        arguments = [{"name": "model", "value": name}]
        canary["analysis"] = {"templates": [{"templateName": "errors"}], "args": arguments, "startingStep": 1}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            "strategy": {"canary": canary},
        },
    }


def template(port):
    """A share of errors that is fine, asked for as often as the operator looks."""
    metric = {
        "name": "errors",
        "interval": f"{INTERVAL_SECONDS}s",
        "successCondition": "result[0] < 0.01",
        "failureLimit": 3,
        "provider": {
            "prometheus": {
                "address": f"http://127.0.0.1:{port}",
                "query": 'sum(rate(serin_requests_total{model_name="{{args.model}}", error="true"}[5m]))',
            }
        },
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "errors", "namespace": NAMESPACE},
        "spec": {"args": [{"name": "model"}], "metrics": [metric]},
    }


def _is_phase(phase):
    def is_so(obj):
        status = obj.get("status") or {}
        return status.get("phase") == phase and status.get("observedGeneration") == str(obj["metadata"]["generation"])

    return is_so


def _has_status(obj):
    return bool((obj.get("status") or {}).get("phase"))


def _install(folder, kubernetes):
    for name in _CRDS:
        text = (folder / "crds" / f"{name}-crd.yaml").read_text()
        kubernetes.kubectl("create", "-f", "-", text=text)
    kubernetes.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


async def life(count, options, scratch, tell):
    """The same scenes: new, from nothing to healthy, idle, the process anew, a rollout of all at once with looks."""
    folder = programs_folder(_BUNDLE, _BUNDLE.content, ToTerminal())
    for has_nodes in (False, True):
        async with AsyncExitStack() as stack:
            kubernetes = stack.enter_context(control_plane("argo"))
            _install(folder, kubernetes)
            port = free_port()
            if has_nodes:
                stack.enter_context(helper("nodes", kubernetes.kubeconfig))
                stack.enter_context(helper("prometheus", str(port)))
            client = await client_of(kubernetes, stack)
            audience = Audience(client, ROLLOUTS)
            tasks = stack.enter_context(quiet())
            tasks.append(asyncio.create_task(audience.run()))
            log = Path(scratch) / "argo.log"
            begin = lambda: controller(folder, kubernetes, log)  # noqa: B023, E731 - used within its own turn
            if not has_nodes:
                with begin() as process:
                    tell("new", await _created(count, options, process, client, audience, _has_status))
                continue
            with begin() as process:
                tell("ready", await _created(count, options, process, client, audience, _is_phase("Healthy")))
                await settle(audience)
                tell("idle", await idle(options, process, audience))
            with begin() as process:
                tell("restart", await _restart(process, audience))
                if options.rollouts:
                    tell("rollouts", await _rollouts(count, options, process, client, audience, port))


async def _created(count, options, process, client, audience, is_so):
    before = Readings.of(process)
    creating = asyncio.create_task(create_all(client, count, ROLLOUTS, rollout))
    await audience.until(count, is_so, options.seconds)
    await creating
    return Readings.of(process).since(before) | memory(process)


async def _restart(process, audience):
    """Until it has been at rest for two seconds: it does not say when it has looked at each."""
    began, writes, seen = time.monotonic(), audience.writes, [(time.monotonic(), 0.0)]
    while seen[-1][1] < 0.5 or seen[-1][1] - seen[max(0, len(seen) - 5)][1] > 0.04:
        await asyncio.sleep(0.5)
        seen.append((time.monotonic(), process.cpu_seconds()))
    at_rest = next(at for at, cpu in seen if cpu >= seen[-1][1] - 0.04)
    found = {**Readings.of(process).since(NOTHING), **memory(process), "wall_s": round(at_rest - began, 2)}
    return {**found, "status_writes": audience.writes - writes}


async def _rollouts(count, options, process, client, audience, port):
    began = Readings.of(process)
    await client.call("POST", TEMPLATES.path(NAMESPACE), what="create", body=template(port))

    async def update(number):
        body = {"spec": rollout(number, "v2", "prometheus")["spec"]}
        path = ROLLOUTS.path(NAMESPACE, rollout(number)["metadata"]["name"])
        await client.call("PATCH", path, what="update", body=body, content_type=MERGE_PATCH)

    await each(range(count), update)
    await audience.until(count, _is_phase("Paused"), options.seconds)
    in_traffic = Readings.of(process).since(began)
    return {"until_in_traffic": in_traffic, **await looks(options, process, audience, port)}
