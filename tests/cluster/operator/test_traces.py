"""What an operator does before a real API server arrives as traces at a collector, and its log says in which."""

import json

import pytest
from tests.cluster.operator.test_process import a_model_deployment
from tests.support.otlp import attributes, collecting

pytestmark = pytest.mark.cluster


def test_a_version_that_is_brought_up_is_told_as_traces(kubernetes, kubelet, namespace, start_operator):
    with collecting() as collector:
        operator = start_operator(OTLP_ENDPOINT=collector.address, LOG_FORMAT="json")
        kubernetes.apply(a_model_deployment(namespace))
        kubernetes.wait_for("a Deployment", lambda: "POST deployments" in [span.name for span, _ in collector.spans()])
        kubernetes.wait_for("a line of a reconcile", lambda: '"trace_id"' in operator.log.read_text())
        assert operator.stop() == 0
        spans = [span for span, _ in collector.spans()]
    by_id = {span.span_id: span for span in spans}
    made = next(span for span in spans if span.name == "POST deployments")
    act = by_id[made.parent_span_id]
    reconcile = by_id[act.parent_span_id]
    assert (act.name, reconcile.name, reconcile.parent_span_id) == ("act", "reconcile", b"")
    assert attributes(made)["http.response.status_code"] == 201
    assert attributes(reconcile)["k8s.namespace.name"] == namespace
    outcomes = {attributes(span).get("serin.outcome") for span in spans if span.name == "reconcile"}
    assert "success" in outcomes
    lines = [json.loads(line) for line in operator.log.read_text().splitlines() if line.startswith("{")]
    told = {line["trace_id"] for line in lines if "trace_id" in line}
    assert told
    assert told <= {span.trace_id.hex() for span in spans}
