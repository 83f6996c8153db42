"""One model: what serves, the rollout with its evidence, requests by version, labels, and what its data look like."""

from __future__ import annotations

from typing import Final

from generate.monitoring import predictions
from generate.monitoring.dashboards.panels import Dashboard, Kind, Panel, Query, Variable

_HERE: Final = 'model_namespace="$namespace",model_name="$model"'
_RULES: Final = "Needs the rules of the chart (alerts.enabled, or rules.yaml)."
_VERSION: Final = "{{model_version}}"
_FAILED: Final = 'error="true",'
_RIGHT: Final = 'outcome="correct",'


def _by_version(counter: str, more: str = "") -> str:
    return f"sum by (model_version) (rate({counter}{{{more}{_HERE}}}[$__rate_interval]))"


def _slower_than(quantile: float) -> Query:
    buckets = f"rate(serin_request_duration_seconds_bucket{{{_HERE}}}[$__rate_interval])"
    expr = f"histogram_quantile({quantile:g}, sum by (le, model_version) ({buckets}))"
    return Query(expr, f"{_VERSION} p{100 * quantile:g}")


def _labels(outcome: str) -> str:
    return f"sum by (predicted_revision) (increase(serin_feedback_total{{{outcome}{_HERE}}}[1h]))"


_ROLLOUT: Final = (
    Panel(
        "Versions",
        "What serves and what is on trial, with the share of traffic in percent. kubectl serin get MODEL shows the step, and"
        " what it waits for.",
        (Query(f"serin_operator_model_weight_percent{{{_HERE}}}"),),
        Kind.TABLE,
        columns={"arm": "arm", "model_version": "version", "model_revision": "revision", "Value": "percent"},
        wide=8,
    ),
    Panel(
        "Conditions",
        "Those that are true, with their reason. Stalled: a person has to act. Degraded: something is wrong while it serves."
        " kubectl serin get MODEL has the sentence.",
        (Query(f"serin_operator_model_condition{{{_HERE}}}"),),
        Kind.TABLE,
        columns={"condition": "condition", "reason": "reason"},
        wide=8,
    ),
    Panel(
        "Verdicts",
        "What each metric says of the version on trial. Inconclusive with NoData: see to traffic, labels and Prometheus."
        " kubectl serin get MODEL has the numbers.",
        (Query(f"serin_operator_model_verdict{{{_HERE}}}"),),
        Kind.TABLE,
        columns={"metric": "metric", "verdict": "verdict", "reason": "reason", "mode": "mode"},
        wide=8,
    ),
    Panel(
        "Evidence against the new version",
        "At 100 % it is rolled back; from 50 % on the step is held. Nothing to do: it decides by itself. abort if you know"
        " already.",
        (Query(f"serin_operator_model_evidence_percent{{{_HERE}}}", "{{metric}}"),),
        Kind.BARS,
        unit="percent",
        most=100,
        warn=50,
        bad=100,
        wide=8,
    ),
    Panel(
        "Shares of traffic",
        "Percent, as achieved. Flat for longer than the step: kubectl serin get MODEL says what holds it.",
        (Query(f"serin_operator_model_weight_percent{{{_HERE}}}", "{{arm}} {{model_version}}"),),
        unit="percent",
        most=100,
        wide=8,
    ),
    Panel(
        "Not judged since",
        "Seconds of requests that wait for a look, about an interval and two scrapes. Rises: runbook of SerinNoLooks.",
        (Query(f"time() - serin_operator_model_judged_until_timestamp_seconds{{{_HERE}}}", "behind"),),
        unit="s",
        wide=8,
    ),
)
_REQUESTS: Final = (
    Panel(
        "Requests",
        "By version. Their shares follow the weights; if not, clients keep connections, or a route does not do what it says.",
        (Query(_by_version("serin_requests_total"), _VERSION),),
        unit="reqps",
    ),
    Panel(
        "Errors",
        "Share of requests that failed, by version. Only the new one: abort. All: look at the codes beside.",
        (Query(f"{_by_version('serin_requests_total', _FAILED)} / {_by_version('serin_requests_total')}", _VERSION),),
        unit="percentunit",
    ),
    Panel(
        "Latency",
        "Half of the requests, and 99 of 100, are faster. A new version that is slower fails `latency` where the spec asks for it.",
        (_slower_than(0.5), _slower_than(0.99)),
        unit="s",
    ),
    Panel(
        "Failed requests by code",
        "400: clients send other tensors than the model takes (kubectl serin predict MODEL). 500: the pod's log. 504: too slow.",
        (
            Query(
                f'sum by (model_version, code) (rate(serin_requests_total{{error="true",{_HERE}}}[$__rate_interval]))',
                f"{_VERSION} {{{{code}}}}",
            ),
        ),
        unit="reqps",
    ),
    Panel(
        "Refused before the model",
        "overloaded: more pods, or serving.limits. unauthenticated: keys and tokens of clients.",
        (
            Query(
                f"sum by (reason) (rate(serin_requests_rejected_total{{{_HERE}}}[$__rate_interval]))",
                "{{reason}}",
            ),
        ),
        unit="reqps",
    ),
    Panel(
        "Rows of requests that share a run",
        "Requests in a run of ONNX Runtime, on average. Near 1 under load: runtime.batching, and why in serin_model_batching.",
        (Query(f"{_by_version('serin_batch_size_sum')} / {_by_version('serin_batch_size_count')}", _VERSION),),
    ),
)
_LABELS: Final = (
    Panel(
        "Right predictions",
        "Share of true labels in an hour that agree, by revision. Falls for all: the world has moved, see the drift. What decides"
        " a rollout compares equal ages, so this may differ from it.",
        (Query(f"{_labels(_RIGHT)} / {_labels('')}", "{{predicted_revision}}"),),
        unit="percentunit",
        most=1,
    ),
    Panel(
        "Labels for each request",
        f"By revision, over an hour. Unequal for long: runbook of SerinLabelRatesDiffer. {_RULES}",
        (Query(f"serin:label_ratio:rate1h{{{_HERE}}}", "{{model_revision}}"),),
    ),
    Panel(
        "Refused labels",
        "By reason, in an hour. forged and unsigned: the sender's token or key; stale: later than labels may come.",
        (Query(f"sum by (reason) (increase(serin_feedback_rejected_total{{{_HERE}}}[1h]))", "{{reason}}"),),
    ),
    Panel(
        "Pairs that differ",
        "Share of requests to which both versions gave another answer. Much more than you expect of the change: look at samples"
        " before you promote.",
        (
            Query(
                f'(sum(rate(serin_pairs_total{{outcome="disagree",{_HERE}}}[$__rate_interval])) or vector(0))'
                f' / sum(rate(serin_pairs_total{{outcome=~"agree|disagree",{_HERE}}}[$__rate_interval]))',
                "differ",
            ),
        ),
        unit="percentunit",
    ),
)
_DATA: Final = (
    Panel(
        "Feature drift",
        f"Population stability index over a day against training, by feature; 0.1 is little, 0.25 is much. Runbook of"
        f" SerinFeatureDrift. {_RULES}",
        (Query(f"max by (feature) (serin:feature_psi:1d{{{_HERE}}})", "{{feature}}"),),
        warn=0.1,
        bad=0.25,
    ),
    Panel(
        "Values that are no numbers, out of range or unknown",
        "In an hour, by feature and kind. A jump: a unit, a default or a join upstream has changed.",
        (
            Query(
                f"sum by (feature, kind) (increase(serin_feature_invalid_total{{{_HERE}}}[1h])) > 0",
                "{{feature}} {{kind}}",
            ),
        ),
    ),
    Panel(
        "Predictions",
        "Share of each bin of the baseline in an hour. One bin takes over: look at inputs before you believe it.",
        (
            Query(
                f"sum by (bin) (increase(serin_prediction_values_total{{{_HERE}}}[1h]))"
                f" / ignoring (bin) group_left () sum(increase(serin_prediction_values_total{{{_HERE}}}[1h]))",
                "{{bin}}",
            ),
        ),
        unit="percentunit",
    ),
)
_PODS: Final = (
    Panel(
        "Server processes",
        "By version, as they are scraped. Fewer than ready pods: Prometheus does not reach some, and what they count is lost.",
        (Query(f"count by (model_version) (serin_process_start_time_seconds{{{_HERE}}})", _VERSION),),
        wide=8,
    ),
    Panel(
        "CPU",
        "Cores in use, by version. At the limit with slow answers: raise it, or add pods.",
        (Query(_by_version("serin_process_cpu_seconds_total"), _VERSION),),
        wide=8,
    ),
    Panel(
        "Memory",
        "Resident memory of the largest process, by version. Near the limit: raise it, before the pod is killed.",
        (Query(f"max by (model_version) (serin_process_resident_memory_bytes{{{_HERE}}})", _VERSION),),
        unit="bytes",
        wide=8,
    ),
)

ONE_MODEL: Final = Dashboard(
    "serin-model",
    "Serin / One model",
    "One model: what serves, its rollout with the evidence, requests by version, labels, and its data against training.",
    (
        Variable("namespace", "Namespace", "label_values(serin_requests_total, model_namespace)"),
        Variable("model", "Model", 'label_values(serin_requests_total{model_namespace="$namespace"}, model_name)'),
    ),
    {
        "The rollout": _ROLLOUT,
        "What clients see": _REQUESTS,
        "Labels": _LABELS,
        "Data": _DATA,
        "The prediction log": predictions.PANELS,
        "Pods": _PODS,
    },
)
