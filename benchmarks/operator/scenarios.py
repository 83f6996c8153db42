"""The scenarios: what is done, and what the operator used for it."""

import asyncio
import time
from contextlib import AsyncExitStack

import orjson
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
    has_status,
    helper,
    memory,
    model_deployment,
    operator,
    quiet,
    serves,
    until_leading,
)
from tests.support.ports import free_port

from serin_operator.cluster.client import MERGE_PATCH
from serin_operator.cluster.resources import EVENTS, JOBS, MODEL_DEPLOYMENTS, SERVICES

_WORKERS = 8


async def new(count, options, folder):
    """So many new ModelDeployments until each has status; no node runs anything."""
    async with AsyncExitStack() as stack:
        kubernetes = stack.enter_context(control_plane("new"))
        client = await client_of(kubernetes, stack)
        audience = Audience(client)
        tasks = stack.enter_context(quiet())
        tasks.append(asyncio.create_task(audience.run()))
        process = stack.enter_context(operator(kubernetes, folder))
        await until_leading(kubernetes, process)
        before = Readings.of(process)
        creating = asyncio.create_task(create_all(client, count))
        await audience.until(count, has_status, options.seconds)
        await creating
        result = Readings.of(process).since(before)
        result |= memory(process)
        result["longest_without_renewal_s"] = audience.longest_without_renewal(before.at)
        await asyncio.sleep(2.0)
        process.stop()
        result["bare_loop_wall_s"] = await _bare(count, client, audience)
        result["ratio"] = round(result["wall_s"] / result["bare_loop_wall_s"], 2)
        return result


async def _bare(count, client, audience):
    """The same objects again under other names, and the writes that gave them status, by a loop that decides nothing."""
    sample = model_deployment(0)["metadata"]["name"]
    status = audience.objects[sample]["status"]
    label = f"serin.dev/model-deployment={sample}"
    services, _ = await client.list_all(SERVICES, NAMESPACE, label_selector=label)
    jobs, _ = await client.list_all(JOBS, NAMESPACE, label_selector=label)
    events, _ = await client.list_all(EVENTS, NAMESPACE)
    mine = [event for event in events if event["regarding"]["name"] == sample][:1]
    templates = [(SERVICES, s) for s in services] + [(JOBS, j) for j in jobs] + [(EVENTS, e) for e in mine]
    texts = [(resource, orjson.dumps(_bare_object(obj)).decode()) for resource, obj in templates]
    queue, done = asyncio.Queue(), []

    async def work():
        while True:
            obj = await queue.get()
            name = obj["metadata"]["name"]
            path = MODEL_DEPLOYMENTS.path(NAMESPACE, name)
            live = await client.call("GET", path, what="get")
            await client.call("PUT", f"{path}/status", what="status", body={**live, "status": status})
            for resource, text in texts:
                body = orjson.loads(text.replace(sample, name).replace("THE-UID", obj["metadata"]["uid"]))
                await client.call("POST", resource.path(NAMESPACE), what="create", body=body)
            done.append(name)

    async def create(number):
        body = model_deployment(number)
        queue.put_nowait(await client.call("POST", MODEL_DEPLOYMENTS.path(NAMESPACE), what="create", body=body))

    workers = [asyncio.create_task(work()) for _ in range(_WORKERS)]
    began = time.monotonic()
    await each(range(count, 2 * count), create)
    while len(done) < count:
        await asyncio.sleep(0.05)
        for worker in workers:
            if worker.done():
                worker.result()
    wall = time.monotonic() - began
    for worker in workers:
        worker.cancel()
    return round(wall, 2)


def _bare_object(obj):
    metadata = obj["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations") if key in metadata}
    if references := metadata.get("ownerReferences"):
        kept["ownerReferences"] = [{**reference, "uid": "THE-UID"} for reference in references]
    spec = {k: v for k, v in (obj.get("spec") or {}).items() if k not in {"clusterIP", "clusterIPs", "selector"}}
    if obj["kind"] == "Service":
        spec["selector"] = obj["spec"]["selector"]
    if obj["kind"] == "Job":
        kept["labels"] = {k: v for k, v in kept["labels"].items() if "controller-uid" not in k}
        template = spec["template"]["metadata"]
        template["labels"] = {k: v for k, v in template["labels"].items() if "uid" not in k and "job-name" not in k}
    whole = {key: value for key, value in obj.items() if key not in {"status", "metadata", "spec"}}
    return {**whole, "metadata": kept, **({"spec": spec} if "spec" in obj else {})}


async def life(count, options, folder, tell):
    """From nothing to Ready, then idle, then a restart, then a rollout of all at once; each is told as soon as it is known."""
    async with AsyncExitStack() as stack:
        kubernetes = stack.enter_context(control_plane("life"))
        stack.enter_context(helper("nodes", kubernetes.kubeconfig))
        port = free_port()
        stack.enter_context(helper("prometheus", str(port)))
        client = await client_of(kubernetes, stack)
        audience = Audience(client)
        tasks = stack.enter_context(quiet())
        tasks.append(asyncio.create_task(audience.run()))
        settings = {"PROMETHEUS_URL": f"http://127.0.0.1:{port}", "RESYNC_SECONDS": str(options.resync)}
        with operator(kubernetes, folder, **settings) as process:
            await until_leading(kubernetes, process)
            tell("ready", await _ready(count, options, process, client, audience))
            await settle(audience)
            tell("idle", await idle(options, process, audience))
        tell("restart", await _restart(count, kubernetes, folder, settings, audience))
        if options.rollouts:
            with operator(kubernetes, folder, **settings) as process:
                await until_leading(kubernetes, process)
                await asyncio.sleep(5.0)
                tell("rollouts", await _rollouts(count, options, process, client, audience, port))


async def _ready(count, options, process, client, audience):
    before = Readings.of(process)
    creating = asyncio.create_task(create_all(client, count))
    await audience.until(count, serves("v1"), options.seconds)
    await creating
    result = Readings.of(process).since(before) | memory(process)
    return result | {"longest_without_renewal_s": audience.longest_without_renewal(before.at)}


async def _restart(count, kubernetes, folder, settings, audience):
    writes = audience.writes
    began = time.monotonic()
    with operator(kubernetes, folder, **settings) as process:
        await until_leading(kubernetes, process)

        def has_looked_at_all():
            return process.metric('serin_operator_reconciles_total{result="success"}') >= count

        await asyncio.to_thread(kubernetes.wait_for, "a look at everything", has_looked_at_all, 300.0, 0.05)
        readings = Readings.of(process)
        wall = time.monotonic() - began
        await asyncio.sleep(3.0)
        result = {**readings.since(NOTHING), **memory(process), "wall_s": round(wall, 2)}
        return {**result, "calls": Readings.of(process).calls, "status_writes": audience.writes - writes}


async def _rollouts(count, options, process, client, audience, port):
    """All get another version at once, in one step that is held for longer than is measured."""
    steps = [{"weight": 50, "holdSeconds": 3600}]
    analysis = {"intervalSeconds": INTERVAL_SECONDS, "metrics": [{"name": "errors", "errorRate": {}}]}
    patch = {"spec": {**model_deployment(0)["spec"], "rollout": {"steps": steps}, "analysis": analysis}}
    began = Readings.of(process)

    async def update(number):
        body = {"spec": {**patch["spec"], "model": model_deployment(number, "v2")["spec"]["model"]}}
        path = MODEL_DEPLOYMENTS.path(NAMESPACE, model_deployment(number)["metadata"]["name"])
        await client.call("PATCH", path, what="update", body=body, content_type=MERGE_PATCH)

    await each(range(count), update)

    def holds(obj):
        return ((obj.get("status") or {}).get("canary") or {}).get("phase") == "Holding"

    await audience.until(count, holds, options.seconds)
    in_traffic = Readings.of(process).since(began)
    return {"until_in_traffic": in_traffic, **await looks(options, process, audience, port)}
