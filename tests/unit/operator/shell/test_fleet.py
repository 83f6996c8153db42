"""What the operator tells Prometheus about each ModelDeployment is what status says, and goes with the object."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.simulation import canary, serving

from serin_operator.runtime.fleet import Gauges, seen_in
from serin_operator.runtime.metrics import OperatorMetrics

NAME = "serin_operator_model_"


@pytest.fixture
def metrics():
    return OperatorMetrics(CollectorRegistry())


def told(metrics, family, *labels):
    """Label values (after namespace and name) and value of each series of a family, as Prometheus would read it."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = [s for f in families if f.name == f"{NAME}{family}" for s in f.samples]
    return {tuple(s.labels[each] for each in labels): s.value for s in samples}


def watch(simulation, metrics):
    """Let the fleet hear of each status from now on."""
    simulation.on_seen = metrics.fleet.see


async def test_a_version_that_serves_is_five_series(metrics):
    simulation = await serving()
    watch(simulation, metrics)
    await simulation.reconcile()
    assert told(metrics, "condition", "condition").keys() == {("Ready",), ("Available",), ("Progressing",)}
    assert told(metrics, "phase", "phase") == {("Idle",): 1.0}
    assert told(metrics, "weight_percent", "arm", "model_version") == {("stable", "v1"): 100.0}
    for family in ("verdict", "evidence_percent", "judged_until_timestamp_seconds", "look_interval_seconds"):
        assert told(metrics, family, "model_name") == {}


async def test_a_rollout_tells_its_phase_weights_and_what_each_metric_says(metrics):
    simulation = await serving()
    watch(simulation, metrics)
    await canary(simulation)
    await simulation.live_until(lambda s: s.status["canary"].get("analysis"))
    status = simulation.status["canary"]
    assert told(metrics, "phase", "phase") == {(status["phase"],): 1.0}
    assert told(metrics, "weight_percent", "arm")["canary",] == status["weight"]
    assert told(metrics, "verdict", "metric", "verdict", "reason", "mode") == {
        (m["metric"], m["verdict"], m["reason"], m.get("mode", "Gate")): 1.0 for m in status["analysis"]
    }
    assert told(metrics, "evidence_percent", "metric") == {
        (m["metric"],): m["evidencePercent"] for m in status["analysis"] if "evidencePercent" in m
    }


@pytest.mark.slow
async def test_until_when_requests_were_judged_follows_and_stands_still_while_prometheus_is_away(metrics):
    simulation = await serving()
    watch(simulation, metrics)
    await canary(simulation)
    (interval,) = told(metrics, "look_interval_seconds").values()

    def behind():
        (until,) = told(metrics, "judged_until_timestamp_seconds").values()
        return simulation.now.timestamp() - until

    for _ in range(10):
        await simulation.live(interval / 2)
        assert behind() <= 2 * interval + 5
    simulation.prometheus_down = True
    await simulation.live(20 * interval)
    assert behind() >= 19 * interval


async def test_what_is_gone_is_told_no_more(metrics):
    simulation = await serving()
    watch(simulation, metrics)
    await simulation.reconcile()
    del simulation.objects[simulation.mdep_ref]
    await simulation.reconcile()
    assert told(metrics, "phase", "model_name") == {}


async def test_a_spec_that_cannot_be_read_is_told_as_well(metrics):
    simulation = await serving()
    watch(simulation, metrics)
    simulation.change_spec(replicas="many")
    await simulation.reconcile()
    assert told(metrics, "condition", "condition", "reason")["Stalled", "InvalidSpec"] == 1.0


def test_hostile_names_stay_one_label(metrics):
    version = 'v1"} 1\nup 0 <script>'
    metrics.fleet.see("ns", "m", {"status": {"stable": {"version": version, "revision": "a", "weight": 100}}})
    assert told(metrics, "weight_percent", "model_version") == {(version,): 100.0}


def test_what_changed_is_told_anew_and_what_went_is_left_out(metrics):
    for name in ("a", "b"):
        metrics.fleet.see("ns", name, {"status": {"canary": {"phase": "Starting"}}})
    assert told(metrics, "phase", "model_name", "phase") == {("a", "Starting"): 1.0, ("b", "Starting"): 1.0}
    metrics.fleet.see("ns", "a", {"status": {"canary": {"phase": "Holding"}}})
    metrics.fleet.see("ns", "b", None)
    metrics.fleet.see("ns", "c", None)
    assert told(metrics, "phase", "model_name", "phase") == {("a", "Holding"): 1.0}


def test_the_text_is_what_the_library_would_write(metrics):
    objects = {("ns", name): {"status": {"canary": {"phase": name}}} for name in ("Starting", "Holding")}
    for whose, obj in objects.items():
        metrics.fleet.see(*whose, obj)
    assert metrics.fleet.exposition() == generate_latest(Gauges({w: seen_in(obj) for w, obj in objects.items()}))
    assert OperatorMetrics(CollectorRegistry()).fleet.exposition() == generate_latest(Gauges({}))
