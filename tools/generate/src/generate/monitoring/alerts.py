"""What a person should hear of. Each has a page in docs/runbooks of its name."""

from __future__ import annotations

from typing import Final

from generate.monitoring import predictions
from generate.monitoring.recordings import BUDGET, LEAST_VALUES, MODEL
from generate.monitoring.rules import Alert, Group, Severity
from serin_operator.api.reasons import Reason

_NAME: Final = "{{ $labels.model_namespace }}/{{ $labels.model_name }}"
_ASK: Final = "{{ $labels.model_name }} -n {{ $labels.model_namespace }}"
_CONDITION: Final = "serin_operator_model_condition"
_PHASE: Final = f"max by ({MODEL}) (serin_operator_model_phase)"


_MEANT: Final = f"{Reason.HELD_BY_ROLLBACK}|{Reason.ABORTED}"
"""Reasons why nothing moves that a person gave: they know."""


def _is_true(condition: str) -> str:
    return f'max by ({MODEL}) ({_CONDITION}{{condition="{condition}",reason!~"{_MEANT}"}})'


def _reason(condition: str) -> str:
    """The reason that status has for a condition, asked for when the alert is sent: as a label it would make new alerts."""
    query = rf"{_CONDITION}{{condition=\"{condition}\",model_namespace=\"%s\",model_name=\"%s\"}}"
    asked = f'printf "{query}" $labels.model_namespace $labels.model_name | query'
    return f'{{{{ with {asked} }}}}Reason: {{{{ . | first | label "reason" }}}}. {{{{ end }}}}'


_LEAST_ERRORS: Final = 10
"""Of few requests a single one would burn the budget."""


def _burns(factor: float, long: str, short: str, counted: str = "6h") -> str:
    """Over the long window the budget burns so fast, over the short one it still does, and the errors are not a handful."""
    return f"""\
(
  serin:error_ratio:rate{long} > {factor:g} * scalar({BUDGET})
  and
  serin:error_ratio:rate{short} > {factor:g} * scalar({BUDGET})
  and
  serin:errors:increase{counted} >= {_LEAST_ERRORS}
)"""


MODELS: Final = Group(
    "serin-models",
    (
        Alert(
            "SerinModelUnavailable",
            Severity.CRITICAL,
            f"""\
max by ({MODEL}) (serin_operator_model_weight_percent{{arm="stable"}})
  unless on ({MODEL}) {_CONDITION}{{condition="Available"}}
  unless on ({MODEL}) {_CONDITION}{{reason="ScaledToZero"}}""",
            "2m",
            f"{_NAME}: no pod answers requests",
            f"A version was promoted, and none of its pods is reached by requests. Begin with: kubectl serin get {_ASK}",
            "A model that has served answers no request for two minutes, and was not scaled to zero.",
        ),
        Alert(
            "SerinRolloutStalled",
            Severity.WARNING,
            _is_true("Stalled"),
            "5m",
            f"{_NAME}: nothing moves until a person acts",
            f"{_reason('Stalled')}The version before serves on. Begin with: kubectl serin why {_ASK}",
            "A rollout was rolled back or cannot go on, for five minutes, and nobody holds it or has aborted it.",
        ),
        Alert(
            "SerinModelDegraded",
            Severity.WARNING,
            f"{_is_true('Degraded')}\n  unless on ({MODEL}) {_is_true('Stalled')}",
            "15m",
            f"{_NAME}: something is wrong while it serves",
            f"{_reason('Degraded')}Begin with: kubectl serin get {_ASK}",
            "What serves has been in trouble for a quarter of an hour: pods, source, quota, Prometheus.",
        ),
        Alert(
            "SerinNoLooks",
            Severity.WARNING,
            f"""\
time() - max by ({MODEL}) (serin_operator_model_judged_until_timestamp_seconds)
  > 5 * max by ({MODEL}) (serin_operator_model_look_interval_seconds) + 300""",
            "5m",
            f"{_NAME}: a rollout goes on, and nobody judges it",
            "Requests have not been judged for {{ $value | humanizeDuration }}; the step is held meanwhile."
            f" Begin with: kubectl serin get {_ASK}",
            "The requests of a rollout were not judged for five intervals and five minutes.",
        ),
    ),
)
EVIDENCE: Final = Group(
    "serin-evidence",
    (
        Alert(
            "SerinLabelsDriedUp",
            Severity.WARNING,
            f"""\
serin:labels:increase2h < 0.1 * (serin:labels:increase2h offset 1d >= 100)
  and on ({MODEL})
serin:answers:increase2h > 0.5 * (serin:answers:increase2h offset 1d)""",
            "30m",
            f"{_NAME}: true labels no longer come back",
            "{{ $value | humanize }} labels in two hours, less than a tenth of yesterday's at this time, for about as many"
            " predictions. Accuracy judges nothing without them.",
            "Less than a tenth of yesterday's labels at the same time of day, for at least half of its predictions.",
        ),
        Alert(
            "SerinLabelRatesDiffer",
            Severity.WARNING,
            f'max by ({MODEL}, metric) (serin_operator_model_verdict{{reason="SelectiveLabels"}})',
            "10m",
            f"{_NAME}: the two versions get labels for unequal shares of their predictions",
            "Metric {{ $labels.metric }} judges nothing until it ends: a version that gets other labels looks better or"
            f" worse than it is. Begin with: kubectl serin get {_ASK}",
            "A rollout holds a metric as `SelectiveLabels`: the versions get labels for unequal shares of their predictions.",
        ),
        Alert(
            "SerinFeatureDrift",
            Severity.WARNING,
            f"""\
serin:feature_psi:1d > 0.25
  and
sum without (bin) (serin:feature_values:increase1d) >= {LEAST_VALUES}""",
            "1h",
            f"{_NAME}: feature {{{{ $labels.feature }}}} is no longer what {{{{ $labels.model_version }}}} was trained on",
            "Population stability index {{ $value | humanize }} over a day; 0.1 is little, 0.25 is much.",
            f"A feature's values of a day lie further than PSI 0.25 from training, with at least {LEAST_VALUES:,} of them.",
        ),
    ),
)
ERRORS: Final = Group(
    "serin-errors",
    (
        Alert(
            "SerinErrorBudgetBurnsFast",
            Severity.CRITICAL,
            f"{_burns(14.4, '1h', '5m', '1h')}\nor\n{_burns(6, '6h', '30m')}",
            "2m",
            f"{_NAME}: too many requests fail",
            "{{ $value | humanizePercentage }} of the requests of clients fail; at this pace the budget of a month is"
            " gone in days. Begin with: kubectl serin top -n {{ $labels.model_namespace }}",
            f"2 % of a month's error budget burnt in an hour, or 5 % in six, by at least {_LEAST_ERRORS} errors, and it still burns.",
        ),
        Alert(
            "SerinErrorBudgetBurnsSlowly",
            Severity.WARNING,
            f"{_burns(3, '1d', '2h')}\nor\n{_burns(1, '3d', '6h')}",
            "15m",
            f"{_NAME}: more requests fail than should",
            "{{ $value | humanizePercentage }} of the requests of clients fail; at this pace the budget does not last"
            " the month. Begin with: kubectl serin top -n {{ $labels.model_namespace }}",
            f"10 % of a month's error budget burnt in a day, or in three, by at least {_LEAST_ERRORS} errors, and it still burns.",
        ),
    ),
)
OPERATOR: Final = Group(
    "serin-operator",
    (
        Alert(
            "SerinOperatorDown",
            Severity.CRITICAL,
            "absent(serin_operator_leader)",
            "10m",
            "Serin's operator tells nothing",
            "No replica of the operator is scraped. Models serve on; nothing is rolled out, back, or repaired.",
            "No replica of the operator was scraped for ten minutes.",
        ),
        Alert(
            "SerinOperatorNotLeading",
            Severity.CRITICAL,
            "max by (job, namespace) (serin_operator_leader) == 0",
            "5m",
            "No replica of Serin's operator acts",
            "Replicas run, and none holds the lease. Models serve on; nothing is rolled out, back, or repaired.",
            "Replicas run, and for five minutes none held the lease.",
        ),
        Alert(
            "SerinWatchBroken",
            Severity.WARNING,
            "min by (job, namespace, exported_namespace, resource) (serin_operator_watch_up) == 0",
            "10m",
            "Serin's operator does not hear of changes of {{ $labels.resource }}",
            "The API server tells nothing of this kind"
            "{{ with $labels.exported_namespace }} in namespace {{ . }}{{ end }}; ModelDeployments there are left alone"
            " until it does. The log of the operator says why.",
            "A watch of a replica has been down for ten minutes.",
        ),
        Alert(
            "SerinNoticesWait",
            Severity.WARNING,
            "max by (job, namespace, channel) (serin_operator_notices_oldest_seconds) > 900",
            "5m",
            "Channel {{ $labels.channel }} takes no notices of Serin",
            "The oldest has waited for {{ $value | humanizeDuration }}; after a day it is given up. Rollouts go on. The log of"
            " the operator says why.",
            "A notice has waited for its channel for a quarter of an hour, and still does five minutes later.",
        ),
    ),
)
ALERTS: Final = (MODELS, EVIDENCE, predictions.ALERTS, ERRORS, OPERATOR)
