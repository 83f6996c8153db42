"""All models at a glance: what needs a person, what is rolled out, and whether Serin itself is well."""

from __future__ import annotations

from typing import Final

from generate.monitoring.dashboards.panels import Dashboard, Kind, Panel, Query, Variable
from generate.monitoring.recordings import BUDGET, MODEL

_HERE: Final = 'model_namespace=~"$namespace"'
_NAME: Final = "{{model_namespace}}/{{model_name}}"
_ONE_MODEL: Final = "/d/serin-model?var-namespace=${__data.fields.namespace}&var-model=${__data.fields.model}"
_WHOSE: Final = {"model_namespace": "namespace", "model_name": "model"}
_RULES: Final = "Needs the rules of the chart (alerts.enabled, or rules.yaml)."


def _count(title: str, says: str, of: str, *, bad: float | None = 1, warn: float | None = None) -> Panel:
    query = Query(f"count({of}) or vector(0)")
    return Panel(title, says, (query,), Kind.STAT, wide=4, high=4, warn=warn, bad=bad)


def _condition(condition: str) -> str:
    return f'max by ({MODEL}) (serin_operator_model_condition{{condition="{condition}",{_HERE}}})'


def _top(expr: str) -> tuple[Query, ...]:
    return (Query(f"topk(10, {expr})", _NAME),)


_GLANCE: Final = (
    _count("Models", "ModelDeployments that the operator looks after. None though there are some: it is not scraped, or does not lead.",
           f"max by ({MODEL}) (serin_operator_model_phase{{{_HERE}}})", bad=None),
    _count("Unavailable", "Promoted once, and reached by no request now. Anything but 0: kubectl serin get, then the runbook"
           " of SerinModelUnavailable.",
           f'max by ({MODEL}) (serin_operator_model_weight_percent{{arm="stable",{_HERE}}}) unless on ({MODEL})'
           ' serin_operator_model_condition{condition="Available"} unless on (model_namespace, model_name)'
           ' serin_operator_model_condition{reason="ScaledToZero"}'),
    _count("Stalled", "Nothing moves there until a person acts: kubectl serin why NAME. What served before serves on.",
           _condition("Stalled")),
    _count("Degraded", "Something is wrong while it serves: kubectl serin get NAME has the sentence.",
           _condition("Degraded"), warn=1, bad=None),
    _count("Rollouts", "Under way now: kubectl serin get -A shows each with its step and evidence.",
           f'max by ({MODEL}) (serin_operator_model_phase{{phase!="Idle",{_HERE}}})', bad=None),
    Panel("Operator leads", "1 while a replica acts. 0: models serve on, and nothing is rolled out or back; runbook of"
          " SerinOperatorNotLeading.", (Query("max(serin_operator_leader) or vector(0)"),), Kind.STAT, wide=4, high=4),
)  # fmt: skip
_PERSONS: Final = (
    Panel(
        "What needs a person",
        "Each bad condition with its reason. A click opens the model; kubectl serin get NAME has the sentence and the way out.",
        (Query(f'serin_operator_model_condition{{condition=~"Stalled|Degraded",{_HERE}}}'),),
        Kind.TABLE,
        columns={**_WHOSE, "condition": "condition", "reason": "reason"},
        link=_ONE_MODEL,
    ),
    Panel(
        "What is rolled out",
        "Each version on trial with its share of traffic in percent. One that stays for long waits for something: kubectl serin"
        " get NAME says for what, and until when.",
        (Query(f'serin_operator_model_weight_percent{{arm="canary",{_HERE}}}'),),
        Kind.TABLE,
        columns={**_WHOSE, "model_version": "version", "Value": "percent"},
        link=_ONE_MODEL,
    ),
    Panel(
        "What serves",
        "The stable version of each model, with its share of traffic in percent. Not the one that you expect: kubectl serin"
        " history NAME.",
        (Query(f'serin_operator_model_weight_percent{{arm="stable",{_HERE}}}'),),
        Kind.TABLE,
        columns={**_WHOSE, "model_version": "version", "Value": "percent"},
        link=_ONE_MODEL,
        wide=24,
    ),
)
_TRAFFIC: Final = (
    Panel(
        "Requests, the ten busiest",
        "Requests a second. One that falls to nothing: its clients, or its route; kubectl serin top says who still answers.",
        _top(f"sum by ({MODEL}) (rate(serin_requests_total{{{_HERE}}}[$__rate_interval]))"),
        unit="reqps",
    ),
    Panel(
        "Errors, the ten worst",
        "Share of requests that failed. Open the model to see which version: abort or roll back, or mend the clients.",
        _top(
            f'sum by ({MODEL}) (rate(serin_requests_total{{error="true",{_HERE}}}[$__rate_interval]))'
            f" / sum by ({MODEL}) (rate(serin_requests_total{{{_HERE}}}[$__rate_interval]))"
        ),
        unit="percentunit",
    ),
    Panel(
        "Latency, the ten slowest",
        "99 of 100 requests are faster. Slower than usual: CPU limits and batches of the model, or more requests than pods"
        " for them (an autoscaler).",
        _top(
            f"histogram_quantile(0.99, sum by (le, {MODEL})"
            f" (rate(serin_request_duration_seconds_bucket{{{_HERE}}}[$__rate_interval])))"
        ),
        unit="s",
    ),
    Panel(
        "Error budget, three days",
        f"How fast the budget is spent: 1 lasts exactly the month, 14 two days. Above 1: runbook of SerinErrorBudgetBurnsSlowly. {_RULES}",
        _top(f"serin:error_ratio:rate3d{{{_HERE}}} / scalar({BUDGET})"),
        warn=1,
        bad=6,
    ),
)
_DATA: Final = (
    Panel(
        "Feature drift, the ten furthest",
        f"Population stability index over a day against training: 0.1 is little, 0.25 is much. Look at the feature's source,"
        f" or train again. {_RULES}",
        (Query(f"topk(10, max by ({MODEL}, feature) (serin:feature_psi:1d{{{_HERE}}}))", f"{_NAME} {{{{feature}}}}"),),
        warn=0.1,
        bad=0.25,
    ),
    Panel(
        "Labels for each request",
        f"By model, over an hour. Falls to 0: the job that sends labels has stopped, and no accuracy is judged. {_RULES}",
        (Query(f"max by ({MODEL}) (serin:label_ratio:rate1h{{{_HERE}}})", _NAME),),
    ),
    Panel(
        "Memory, the ten largest",
        "Resident memory of all pods. What only rises: look at batches and limits of the model; at its limit a pod is killed.",
        _top(f"sum by ({MODEL}) (serin_process_resident_memory_bytes{{{_HERE}}})"),
        unit="bytes",
    ),
    Panel(
        "CPU, the ten hungriest",
        "Cores in use by all pods. Beside few requests: more threads than the model can use, or too small batches.",
        _top(f"sum by ({MODEL}) (rate(serin_process_cpu_seconds_total{{{_HERE}}}[$__rate_interval]))"),
    ),
)
_ITSELF: Final = (
    Panel(
        "Looks at ModelDeployments",
        "By result. conflict and transient pass; error is a bug (the log has the trace); refused is RBAC or a policy.",
        (Query("sum by (result) (rate(serin_operator_reconciles_total[$__rate_interval]))", "{{result}}"),),
        unit="ops",
        wide=8,
    ),
    Panel(
        "Oldest that waits for a look",
        "Seconds. Rises for minutes: more workers (workers of the chart), or the API server is slow.",
        (Query("max(serin_operator_queue_oldest_seconds)", "oldest"),),
        unit="s",
        warn=30,
        bad=120,
        wide=8,
    ),
    Panel(
        "Rollouts that ended, by day",
        "By outcome. Many RolledBack: look at how versions are tested before; spec.preflight refuses bad ones without traffic.",
        (Query("sum by (outcome) (increase(serin_operator_rollouts_total[1d]))", "{{outcome}}"),),
        wide=8,
    ),
    Panel(
        "Answers of the API server",
        "By status. 403: roles; 409 passes; 5xx and error: the API server itself.",
        (Query("sum by (code) (rate(serin_operator_api_requests_total[$__rate_interval]))", "{{code}}"),),
        unit="reqps",
        wide=8,
    ),
    Panel(
        "Queries to Prometheus",
        "Errors hold the steps of rollouts, and nothing is lost: look at Prometheus' load, address and credentials.",
        (Query("sum by (result) (rate(serin_operator_prometheus_queries_total[$__rate_interval]))", "{{result}}"),),
        unit="reqps",
        wide=8,
    ),
    Panel(
        "Watches that are down",
        "By kind. Anything: what is in that namespace is left alone meanwhile; the operator's log says why.",
        (Query("count by (resource) (serin_operator_watch_up == 0) or vector(0)", "{{resource}}"),),
        bad=1,
        wide=8,
    ),
)

FLEET: Final = Dashboard(
    "serin-fleet",
    "Serin / Fleet",
    "Every model: what needs a person, what is rolled out, how requests fare, and whether Serin itself is well.",
    (Variable("namespace", "Namespace", "label_values(serin_operator_model_phase, model_namespace)", multi=True),),
    {
        "At a glance": _GLANCE,
        "What needs a person, and what moves": _PERSONS,
        "What clients see": _TRAFFIC,
        "Data and cost": _DATA,
        "Serin itself": _ITSELF,
    },
)
