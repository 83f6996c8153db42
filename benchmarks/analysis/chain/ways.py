"""The ways that are tried: every kind of metric as people write it, how a version is worse in it, and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from benchmarks.analysis.chain.operator import asked_of, spec_of
from benchmarks.analysis.chain.traffic import Traffic, Version

from serin_operator.api.kinds.kind import Kind
from serin_operator.api.spec import ModelDeploymentSpec

RETRAINED = {"mends": 0.02, "breaks": 0.02}
"""As right as the version before, on other rows."""


@dataclass(frozen=True)
class Way:
    """One kind of metric, through the whole chain.

    Args:
        name: Of its rows.
        metric: The metric, as people write it.
        worse: What is otherwise in a version that is worse.
        by: In words.
        equal: What is otherwise in a version that is as good as the one before.
        traffic: How clients ask.
        worse_traffic: What is otherwise about them where that is what is to be found.
        more: What stands in the spec beside.
        promised: The false-rollback rate that is stated; None: none is.
        is_guarded: Whether the version is promoted, and watched afterwards.
    """

    name: str
    metric: Mapping[str, Any]
    worse: Mapping[str, Any]
    by: str
    equal: Mapping[str, Any] = field(default_factory=dict)
    traffic: Traffic = field(default_factory=Traffic)
    worse_traffic: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    promised: float | None = 0.01
    is_guarded: bool = False

    @cached_property
    def spec(self) -> ModelDeploymentSpec:
        """As people apply it."""
        return spec_of(self.metric, **self.more)

    @cached_property
    def wanted(self) -> frozenset[str]:
        """The series that it asks for."""
        return asked_of(self.spec)

    @property
    def asked(self) -> tuple[Kind, Any]:
        """Its kind, and what is asked of it."""
        asked = self.spec.analysis.metrics[0].asked if self.spec.analysis else None
        if asked is None:
            raise LookupError(self.name)
        return asked

    def canary(self, *, is_worse: bool) -> Version:
        """The new version."""
        return replace(Version(), **{**self.equal, **(self.worse if is_worse else {})})

    def clients(self, *, is_worse: bool) -> Traffic:
        """How clients ask."""
        return replace(self.traffic, **(self.worse_traffic if is_worse else {}))


LABELS = Traffic(has_labels=True)
NUMBERS = replace(LABELS, is_regression=True)
INPUTS = Traffic(sees_inputs=True)
OFFERS = Traffic(offers=True)
SIGNED = {"feedback": {"signing": "Managed"}}
MINUTE = {"intervalSeconds": 60}
"""Labels are few: a look a minute has as much to say as two."""
CLASSES = {"serving": SIGNED, "analysis": MINUTE}
REGRESSION = {"serving": {**SIGNED, "prediction": {"kind": "Regression"}}, "analysis": MINUTE}
IN_PAIRS = {"serving": SIGNED, "analysis": {"pairing": {"sample": 0.6}, **MINUTE}}
REGIONS = {"slices": {"by": "region", "values": ["north", "south", "west"]}}
SCORE = {"between": [0, 1], "maxDecrease": 0.02}
_OF_CANARY = 'model_version="{{ .canary }}"'
ACCEPTED = 'sum(increase(shop_offers_total{outcome="accepted",' + _OF_CANARY + "}[{{ .window }}]))"
OFFERED = "sum(increase(shop_offers_total{" + _OF_CANARY + "}[{{ .window }}]))"
BROKEN = {"mends": 0.02, "breaks": 0.10}

WAYS = (
    Way("errorRate", {"errorRate": {}}, {"fails": 0.035}, "3 points more errors over 0.5 %"),
    Way(
        "errorRate, in pairs too",
        {"errorRate": {}},
        {"fails": 0.035},
        "3 points more errors over 0.5 %",
        more=IN_PAIRS,
    ),
    Way(
        "latency",
        {"latency": {"slowerThanSeconds": 0.25}},
        {"seconds": 0.15},
        "three times as slow: 24 points more slow answers over 2 %",
    ),
    Way("accuracy", {"accuracy": {}}, BROKEN, "8 points less of 92 %", RETRAINED, LABELS, more=CLASSES),
    Way("accuracy, in pairs too", {"accuracy": {}}, BROKEN, "8 points less of 92 %", RETRAINED, LABELS, more=IN_PAIRS),
    Way(
        "accuracy, in pairs alone",
        {"accuracy": {"paired": "Require"}},
        BROKEN,
        "8 points less of 92 %",
        RETRAINED,
        LABELS,
        more=IN_PAIRS,
    ),
    Way(
        "accuracy, a minimum of 0.9",
        {"accuracy": {"minimum": 0.9}},
        BROKEN,
        "6 points below it",
        RETRAINED,
        LABELS,
        more=CLASSES,
    ),
    Way(
        "accuracy, by slice",
        {"accuracy": {}, **REGIONS},
        {"mends": 0.02, "breaks": 0.25, "of_region": "south"},
        "23 points less in the slice of 30 % of the labels",
        RETRAINED,
        LABELS,
        more=CLASSES,
    ),
    Way(
        "absoluteError",
        {"absoluteError": {"above": 10}},
        {"off": 6.7},
        "8 points more far off over 5 %",
        traffic=NUMBERS,
        more=REGRESSION,
    ),
    Way(
        "absoluteError, by slice",
        {"absoluteError": {"above": 10}, **REGIONS},
        {"off": 6.7},
        "8 points more far off in each slice",
        traffic=NUMBERS,
        more=REGRESSION,
    ),
    Way("score", {"score": SCORE}, {"score": 0.65}, "a mean of 0.65 instead of 0.8", traffic=LABELS, more=CLASSES),
    Way(
        "score, a minimum of 0.75",
        {"score": {"between": [0, 1], "minimum": 0.75}},
        {"score": 0.65},
        "a mean of 0.65",
        traffic=LABELS,
        more=CLASSES,
    ),
    Way(
        "score, of a regression's error",
        {"score": {"of": "AbsoluteError", "between": [0, 20], "maxIncrease": 0.5}},
        {"off": 8.5},
        "a mean error of 6.7 instead of 4.1",
        traffic=NUMBERS,
        more=REGRESSION,
    ),
    Way(
        "score, by slice",
        {"score": SCORE, **REGIONS},
        {"score": 0.5, "of_region": "south"},
        "a mean of 0.5 in the slice of 30 % of the labels",
        traffic=LABELS,
        more=CLASSES,
    ),
    Way(
        "disagreement",
        {"disagreement": {"max": 0.06}},
        BROKEN,
        "12 % of the answers differ",
        RETRAINED,
        more=IN_PAIRS,
    ),
    Way(
        "outcome",
        {
            "outcome": {
                "good": 'shop_offers_total{outcome="accepted"}',
                "total": "shop_offers_total",
                "revisionLabel": "model_version",
            }
        },
        {"accepted": 0.2},
        "10 points fewer accepted of 30 %",
        traffic=OFFERS,
    ),
    Way(
        "query",
        {
            "query": {
                "promql": f"{ACCEPTED} / {OFFERED}",
                "min": 0.15,
            }
        },
        {"accepted": 0.08},
        "8 % accepted instead of 30 %, and 15 % is the least",
        traffic=OFFERS,
        promised=None,
    ),
    Way(
        "predictionDrift",
        {"predictionDrift": {}},
        {"moved": 0.7},
        "predictions moved by 0.7 standard deviations",
        traffic=INPUTS,
        promised=None,
    ),
    Way(
        "inputDrift (it warns)",
        {"inputDrift": {"feature": "x"}},
        {},
        "inputs of both moved by 0.7 standard deviations",
        traffic=INPUTS,
        worse_traffic={"inputs_moved": 0.7},
        promised=None,
    ),
    Way(
        "invalidInputs",
        {"invalidInputs": {"feature": "x"}},
        {"knows": 1.7},
        "9 points more out of the range of training",
        traffic=INPUTS,
    ),
    Way(
        "resourceUse (it warns)",
        {"resourceUse": {"maxIncrease": 0.3}},
        {"cpu": 0.003},
        "3 instead of 2 CPU seconds for 1,000 requests",
        promised=None,
    ),
    Way(
        "cost, as a gate (it holds for a person)",
        {"cost": {"cpuHourPrice": 0.04, "maxIncrease": 0.0000033}, "mode": "Gate"},
        {"cpu": 0.003},
        "half more for 1,000 requests",
        promised=None,
    ),
    Way(
        "guard of two hours, accuracy in pairs",
        {"accuracy": {}},
        BROKEN,
        "8 points less from half an hour on",
        RETRAINED,
        replace(LABELS, a_second=0.8),
        more={
            **CLASSES,
            "analysis": {"pairing": {"sample": 0.5}, "intervalSeconds": 300},
            "guard": {"seconds": 7200},
        },
        is_guarded=True,
    ),
)
