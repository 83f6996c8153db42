"""Health pages say what is wrong in plain words."""

import asyncio

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from serin_operator.api.reasons import EventReason
from serin_operator.cluster.resources import PODS, scopes_of
from serin_operator.runtime.health import Check, Heartbeat, at_most
from serin_operator.runtime.http import Pages, application
from serin_operator.runtime.metrics import OperatorMetrics


async def page(path, *, liveness=(), readiness=(), notes=(), exposition=bytes):
    app = application(Pages(liveness, readiness, lambda: notes), exposition)
    async with TestClient(TestServer(app)) as client:
        response = await client.get(path)
        return response.status, await response.text()


async def test_a_process_that_gets_on_is_alive_and_ready():
    fine = [Check("queue", lambda: None)]
    assert await page("/healthz", liveness=fine) == (200, "ok\n")
    assert await page("/readyz", readiness=fine) == (200, "ok\n")


async def test_what_is_stuck_is_named_with_its_number():
    stuck = [Check("queue", at_most("seconds waited", 120.0, lambda: 300.0))]
    assert await page("/healthz", liveness=stuck) == (503, "queue: seconds waited 300, more than 120\n")


async def test_a_replica_that_cannot_begin_is_alive_but_not_ready():
    waiting = [Check("start", lambda: "the CRD is missing")]
    assert await page("/healthz", readiness=waiting) == (200, "ok\n")
    assert await page("/readyz", readiness=waiting) == (503, "start: the CRD is missing\n")


async def test_what_does_not_work_though_the_process_gets_on_is_told_and_changes_nothing():
    notes = ["list pods in fraud: pods is forbidden"]
    assert await page("/readyz", notes=notes) == (200, "ok\nlist pods in fraud: pods is forbidden\n")
    assert await page("/healthz", notes=notes) == (200, "ok\n")


async def test_metrics_come_from_a_registry_of_their_own():
    metrics = OperatorMetrics(CollectorRegistry())
    metrics.reconciles.labels("success").inc()
    status, text = await page("/metrics", exposition=metrics.exposition)
    assert status == 200
    assert 'serin_operator_reconciles_total{result="success"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_a_rollout_that_ends_is_counted_by_the_event_about_it():
    metrics = OperatorMetrics(CollectorRegistry())
    for reason in (EventReason.ROLLED_BACK, EventReason.STEP_STARTED, "SomethingElse"):
        metrics.count_event(reason)
    value = metrics.registry.get_sample_value
    assert value("serin_operator_rollouts_total", {"outcome": "RolledBack"}) == 1.0
    assert value("serin_operator_rollouts_total", {"outcome": "Promoted"}) == 0.0


async def begun(heart):
    """A heart whose task has begun and sleeps."""
    task = asyncio.create_task(heart.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return heart


async def test_a_heart_that_beats_on_time_shows_no_lag_and_a_late_one_does():
    now = 0.0
    heart = await begun(Heartbeat(monotonic=lambda: now, interval_seconds=1.0))
    for now in (1.0, 2.0, 3.0):  # noqa: B007 - the clock
        heart.beat()
    assert heart.lag_seconds == 0.0
    now = 25.0
    assert heart.lag_seconds == 21.0
    heart.beat()
    now = 26.0
    assert heart.lag_seconds > 20.0
    for now in range(27, 200):  # noqa: B007 - the clock
        heart.beat()
    assert heart.lag_seconds < 0.1


async def test_waiting_before_the_first_beat_is_no_lateness():
    now = 0.0
    heart = Heartbeat(monotonic=lambda: now, interval_seconds=1.0)
    now = 90.0
    assert heart.lag_seconds == 0.0
    await begun(heart)
    now = 91.0
    heart.beat()
    assert heart.lag_seconds == 0.0


def a_watch_failure(metrics, scope):
    metrics.count_watch_failure(scope)
    value = metrics.registry.get_sample_value
    labels = {"resource": scope.resource.plural, "namespace": scope.namespace or ""}
    return value("serin_operator_watch_up", labels), value("serin_operator_watch_failures_total", labels)


def test_a_metric_names_the_namespace_that_cannot_be_seen():
    metrics = OperatorMetrics(CollectorRegistry())
    scopes = scopes_of(("here", "gone"))
    metrics.watch_watches(scopes, lambda scope: scope.namespace == "here")
    pods = {scope.namespace: scope for scope in scopes if scope.resource == PODS}
    assert a_watch_failure(metrics, pods["here"]) == (1.0, 1.0)
    assert a_watch_failure(metrics, pods["gone"]) == (0.0, 1.0)
