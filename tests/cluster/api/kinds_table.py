"""More rows of the table of bad resources: kinds of metrics; and a good resource with a metric of every kind."""

from typing import Any

from tests.cluster.api.table import GOOD, Bad

from serin_operator.api.kinds.registry import KINDS

SHARED_ONCE = {"resourceUse": 0.4, "cost": 0.4}
"""An earlier release took shares of these, so that they are taken, and count for nothing."""

EVERY_KIND: dict[str, Any] = {
    **GOOD,
    "spec": {
        **GOOD["spec"],
        "analysis": {
            "falseRollbackRate": 0.02,
            "falsePromotionRate": 0.1,
            "pairing": {"sample": 0.1},
            "metrics": [
                {
                    "name": kind.field.lower(),
                    kind.field: dict(kind.example),
                    **(
                        {"mode": "Gate", "share": SHARED_ONCE.get(kind.field, 0.002)}
                        if kind.has_rate or kind.field in SHARED_ONCE
                        else {"mode": "Warn"}
                    ),
                    "minSamples": 200,
                    **({"evidence": "NonInferior"} if kind.can_prove else {}),
                    **({"slices": {"by": "region", "values": ["north", "south"]}} if kind.slices else {}),
                }
                for kind in KINDS
            ],
        },
    },
}


def bad(because: str, kind: dict[str, Any], field: str, way_out: str) -> Bad:
    """A metric as it cannot be."""
    return Bad(because, "analysis.metrics.0", {"name": "m", **kind}, f"spec.analysis.metrics[0]{field}", way_out)


ACCURACY: dict[str, Any] = {"accuracy": {}}
OUTCOME = {"good": "good_total", "total": "all_total"}
QUERY = {"promql": 'x{r="{{ .canary }}"}', "max": 1}

BAD_KINDS = (
    bad("two bounds of one metric", {"accuracy": {"maxDecrease": 0.01, "minimum": 0.9}}, ".accuracy", "two metrics"),
    bad("a number in pairs", {"accuracy": {"minimum": 0.9, "paired": "Require"}}, ".accuracy.paired", "remove paired"),
    bad("nothing may be wrong", {"accuracy": {"minimum": 1}}, ".accuracy.minimum", "less than 1"),
    Bad(
        "disagreement without pairs",
        "analysis",
        {"metrics": [{"name": "m", "disagreement": {"max": 0.02}}]},
        "spec.analysis.metrics",
        "add spec.analysis.pairing",
    ),
    Bad(
        "pairs are required and none are made",
        "analysis",
        {"metrics": [{"name": "m", "accuracy": {"paired": "Require"}}]},
        "spec.analysis.metrics",
        "say paired: Auto",
    ),
    bad("a drift is proven", {"predictionDrift": {}, "evidence": "NonInferior"}, ".evidence", "remove evidence"),
    bad("slices that nobody names", ACCURACY | {"slices": {"by": "region"}}, ".slices", "Name the slices: values:"),
    bad(
        "slices by value and by cut",
        ACCURACY | {"slices": {"by": "age", "values": ["1"], "cuts": [1]}},
        ".slices",
        "Name the slices: values:",
    ),
    bad("slices by nothing", ACCURACY | {"slices": {"values": ["north"]}}, ".slices.by", "Required value"),
    bad(
        "a slice twice", ACCURACY | {"slices": {"by": "r", "values": ["a", "a"]}}, ".slices.values", "stands there once"
    ),
    bad(
        "a slice that is called as pods call the rest",
        ACCURACY | {"slices": {"by": "r", "values": ["(other)"]}},
        ".slices.values",
        "no parenthesis",
    ),
    bad("cuts that descend", ACCURACY | {"slices": {"by": "age", "cuts": [60, 30]}}, ".slices.cuts", "Cuts ascend"),
    bad("a cut twice", ACCURACY | {"slices": {"by": "age", "cuts": [30, 30]}}, ".slices.cuts", "each once"),
    bad(
        "slices of what no pod counts by slice",
        {"errorRate": {}, "slices": {"by": "region", "values": ["north"]}},
        ".slices",
        "Pods count accuracy, absoluteError, score by slice",
    ),
    Bad(
        "more slices than status holds",
        "analysis.metrics",
        [{"name": name, **ACCURACY, "slices": {"by": name, "cuts": [*range(11)]}} for name in ("a", "b", "c")],
        "spec.analysis.metrics",
        "at most 32 slices",
    ),
    bad("a score of no range", {"score": {"maxDecrease": 0.1}}, ".score.between", "Required value"),
    bad("a range of one end", {"score": {"between": [1], "maxDecrease": 0.1}}, ".score.between", "at least 2"),
    bad(
        "a range that ends at its beginning",
        {"score": {"between": [5, 1], "maxDecrease": 1}},
        ".score.between",
        "lower end first",
    ),
    bad("nothing is asked of a score", {"score": {"between": [0, 1]}}, ".score", "more is better"),
    bad(
        "both directions are better",
        {"score": {"between": [0, 1], "maxDecrease": 0.1, "maxIncrease": 0.1}},
        ".score",
        "Give one",
    ),
    bad("no margin", {"score": {"between": [1, 5], "maxIncrease": 0}}, ".score.maxIncrease", "greater than 0"),
    bad(
        "the more error the better",
        {"score": {"between": [0, 1], "of": "SquaredError", "minimum": 0.1}},
        ".score",
        "as of errors",
    ),
    bad(
        "a score of something else", {"score": {"between": [0, 1], "of": "Luck", "minimum": 0.1}}, ".score.of", "Label"
    ),
    bad("a bound between two buckets", {"latency": {"slowerThanSeconds": 0.27}}, ".latency", "0.25 and 0.3"),
    bad("a bound below all buckets", {"latency": {"slowerThanSeconds": 0.00001}}, ".latency", "the nearest: 0.0001"),
    bad("a bound above all buckets", {"latency": {"slowerThanSeconds": 20}}, ".latency", "less than or equal to 10"),
    bad("latency without a bound", {"latency": {}}, ".latency.slowerThanSeconds", "Required value"),
    bad(
        "a margin is everything",
        {"latency": {"slowerThanSeconds": 0.25, "maxIncrease": 1}},
        ".latency.maxIncrease",
        "less than 1",
    ),
    bad("a distance between two buckets", {"absoluteError": {"above": 7}}, ".absoluteError.above", "5 and 10"),
    Bad(
        "distances of classes",
        "serving.prediction",
        {"output": "probability"},
        "spec.analysis.metrics",
        "kind: Regression",
    ),
    bad("a feature has no name", {"invalidInputs": {}}, ".invalidInputs.feature", "Required value"),
    bad(
        "a rate instead of a counter",
        {"outcome": OUTCOME | {"good": "rate(good_total[1m])"}},
        ".outcome.good",
        "No func",
    ),
    bad(
        "matchers without a name",
        {"outcome": OUTCOME | {"total": '{job="shop"}'}},
        ".outcome.total",
        "name of a counter",
    ),
    bad("a label with a dash", {"outcome": OUTCOME | {"revisionLabel": "model-version"}}, ".outcome", "a label's name"),
    bad("good of nothing", {"outcome": {"good": "good_total"}}, ".outcome.total", "Required value"),
    bad("a query without limits", {"query": {"promql": QUERY["promql"]}}, ".query", "Give max, min or both"),
    bad("limits that nothing keeps", {"query": QUERY | {"min": 2}}, ".query.min", "below max"),
    bad("a query of no version", {"query": QUERY | {"promql": "up"}}, ".query.promql", "{{ .canary }}"),
    bad(
        "an unknown placeholder",
        {"query": QUERY | {"promql": 'x{a="{{ .canary }}",b="{{ .revision }}"}'}},
        ".query.promql",
        ".namespace",
    ),
    bad(
        "nobody fails ever",
        {"query": QUERY | {"consecutiveFailures": 0}},
        ".query.consecutiveFailures",
        "or equal to 1",
    ),
    bad("inputs blame a version", {"inputDrift": {"feature": "age"}, "mode": "Gate"}, ".mode", "say Warn"),
    bad("drift beyond all bounds", {"predictionDrift": {"max": 0}}, ".predictionDrift.max", "greater than 0"),
    bad("a query takes a share", {"query": QUERY, "share": 0.001}, ".share", "remove share"),
    bad(
        "a mean that only warns takes a share",
        {"cost": {"cpuHourPrice": 1, "maxIncrease": 1}, "share": 0.001},
        ".share",
        "Warnings, and query",
    ),
    bad("a warning takes a share", {"errorRate": {}, "mode": "Warn", "share": 0.001}, ".share", "Warnings, and query"),
    bad("a mode of its own", {"errorRate": {}, "mode": "Off"}, ".mode", '"Gate", "Warn"'),
    bad("no samples", {"errorRate": {}, "minSamples": 0}, ".minSamples", "greater than or equal to 1"),
    bad("CPU for nothing", {"cost": {"cpuHourPrice": 0, "maxIncrease": 1}}, ".cost.cpuHourPrice", "greater than 0"),
    Bad(
        "shares that leave another gate nothing",
        "analysis.metrics",
        [{"name": "a", "accuracy": {}, "share": 0.01}, {"name": "b", "errorRate": {}}],
        "spec.analysis.metrics",
        "leave nothing of falseRollbackRate to the gates without one: give less",
    ),
    Bad(
        "shares beyond the rate",
        "analysis.metrics",
        [{"name": "a", "errorRate": {}, "share": 0.006}, {"name": "b", "accuracy": {}, "share": 0.005}],
        "spec.analysis.metrics",
        "at most falseRollbackRate together: give less",
    ),
)
