"""Series that Prometheus computes from those of servers and operator."""

from __future__ import annotations

from typing import Final

from generate.monitoring.rules import Group, Recording

MODEL: Final = "model_namespace, model_name"
ARM: Final = f"{MODEL}, model_version, model_revision"
BUDGET: Final = "serin:error_budget:ratio"
BUDGET_EXPR: Final = "vector(0.001)"
"""One request in a thousand may fail; the chart writes `alerts.errorBudget` in its place."""
LEAST_VALUES: Final = 1000
"""Values of a feature in a day, below which its distribution says little."""

QUICK_WINDOWS: Final = ("5m", "30m", "1h")
SLOW_WINDOWS: Final = ("2h", "6h", "1d", "3d")

# A version that gets copies only, or testers only, has weight 0: no client hears its answers.
_HEARD_BY_NOBODY: Final = (
    'unless on (model_namespace, model_name, model_revision) (serin_operator_model_weight_percent{arm="canary"} == 0)'
)
_FEATURE: Final = f"{ARM}, feature"


def _summed_shares(window: str) -> Recording:
    if window == "5m":
        expr = "serin:client_errors:rate5m / serin:client_requests:rate5m"
    else:
        expr = f"sum_over_time(serin:client_errors:rate5m[{window}]) / sum_over_time(serin:client_requests:rate5m[{window}])"
    return Recording(
        f"serin:error_ratio:rate{window}", expr, f"Share of a model's requests of clients that failed, over {window}."
    )


def _errors(window: str) -> Recording:
    expr = f'sum by ({MODEL}) (increase(serin_requests_total{{error="true"}}[{window}]))'
    return Recording(f"serin:errors:increase{window}", expr, f"Requests that failed, by model, in {window}.")


def _share(counts: str) -> str:
    """Share of each bin, half a value added to each so that an empty one has a logarithm."""
    total = f"sum without (bin) ({counts}) + 0.5 * count without (bin) ({counts})"
    return f"({counts} + 0.5)\n  / ignoring (bin) group_left ()\n({total})"


REQUESTS: Final = Group(
    "serin-requests",
    (
        Recording(
            "serin:requests:rate5m",
            f"sum by ({ARM}) (rate(serin_requests_total[5m]))",
            "Requests a second by version.",
        ),
        Recording(
            "serin:errors:rate5m",
            f'sum by ({ARM}) (rate(serin_requests_total{{error="true"}}[5m]))',
            "Requests a second that failed, by version.",
        ),
        Recording(
            "serin:client_requests:rate5m",
            f"sum by ({MODEL}) (serin:requests:rate5m {_HEARD_BY_NOBODY})",
            "Requests a second of clients, by model: without copies and testers.",
        ),
        Recording(
            "serin:client_errors:rate5m",
            f"sum by ({MODEL}) (serin:errors:rate5m {_HEARD_BY_NOBODY})",
            "Those of them that failed.",
        ),
        Recording(BUDGET, BUDGET_EXPR, "Share of requests that may fail."),
        *map(_summed_shares, QUICK_WINDOWS),
        _errors("1h"),
    ),
)
LONG: Final = Group("serin-requests-long", (*map(_summed_shares, SLOW_WINDOWS), _errors("6h")), interval="2m")
LABELS: Final = Group(
    "serin-labels",
    (
        Recording(
            "serin:labels:rate1h",
            f"""\
sum by ({MODEL}, model_revision) (
  label_replace(rate(serin_feedback_total[1h]), "model_revision", "$1", "predicted_revision", "(.*)")
)""",
            "Labels a second by the revision that made the prediction, whichever pod heard them.",
        ),
        Recording(
            "serin:label_ratio:rate1h",
            f"""\
serin:labels:rate1h
  / on ({MODEL}, model_revision)
sum by ({MODEL}, model_revision) (rate(serin_requests_total{{code="200"}}[1h]))""",
            "Labels for each answered request, by revision; more than 1 where requests have many rows.",
        ),
        Recording(
            "serin:labels:increase2h",
            f"sum by ({MODEL}) (increase(serin_feedback_total[2h]))",
            "Labels in two hours, by model.",
        ),
        Recording(
            "serin:answers:increase2h",
            f'sum by ({MODEL}) (increase(serin_requests_total{{code="200"}}[2h]))',
            "Answered requests in two hours, by model.",
        ),
    ),
    interval="1m",
)
DRIFT: Final = Group(
    "serin-drift",
    (
        Recording(
            "serin:feature_values:increase1d",
            f"sum by ({_FEATURE}, bin) (increase(serin_feature_values_total[1d]))",
            "Values of a feature in a day, by version and bin.",
        ),
        Recording(
            "serin:feature_rows:baseline",
            f"max by ({_FEATURE}, bin) (serin_baseline_feature_rows)",
            "Training rows by version, feature and bin.",
        ),
        Recording("serin:feature_share:1d", _share("serin:feature_values:increase1d"), "Share of each bin in a day."),
        Recording(
            "serin:feature_share:baseline", _share("serin:feature_rows:baseline"), "Share of each bin in training."
        ),
        Recording(
            "serin:feature_psi:1d",
            """\
sum without (bin) (
  (serin:feature_share:1d - serin:feature_share:baseline)
  * ln(serin:feature_share:1d / serin:feature_share:baseline)
)
- (count without (bin) (serin:feature_values:increase1d) - 1)
* (
  1 / sum without (bin) (serin:feature_values:increase1d)
  + 1 / sum without (bin) (serin:feature_rows:baseline)
)""",
            "Population stability index of a feature's values in a day against the training data, less what chance makes of it.",
        ),
    ),
    interval="5m",
)
RECORDINGS: Final = (REQUESTS, LONG, LABELS, DRIFT)
