"""Judge a canary by evidence, with a false-rollback rate that is a number and holds.

Pure: counts go in, verdicts and a small state come out. `docs/analysis.md` explains the statistics; this is the use:

    from serin_operator.decide.analysis import (
        AnalysisConfig, AnalysisState, Arm, Fail, Metric, NoData, Proportions, Stratum, Value,
        accuracy, begin_step, error_rate, judge_look, outcome,
    )

    config = AnalysisConfig(
        metrics=(Metric("errors", error_rate(max_increase=0.005)), Metric("accuracy", accuracy(max_decrease=0.01))),
        false_rollback_rate=0.01,  # over the whole rollout, all metrics together, however often one looks
        min_samples=100,           # canary samples a step and gate
    )
    state = AnalysisState()        # or AnalysisState.from_dict(status["analysis"])

    # Before the canary has traffic: stable's counts alone, so that the first look can already judge.
    alone = Value(Proportions(stable_alone=Arm(bad=4, total=4000)))
    state, _ = judge_look(config, state, {"errors": alone, "accuracy": NoData()})

    state = begin_step(state)      # a new step counts its own samples; evidence goes on
    look = {
        "errors": Value(Proportions((Stratum(canary=Arm(1, 200), stable=Arm(4, 3800)),))),
        "accuracy": NoData("no labels yet"),  # or one Stratum for each bucket of prediction age
    }
    state, verdicts = judge_look(config, state, look, taken_at=1_763_720_000.0)
    outcome(config, verdicts).advice  # Proceed, Hold or RollBack
    verdicts["errors"].message     # the sentence with the numbers
    state.to_dict()                # JSON-able; AnalysisState.from_dict(...) of it changes no later verdict

Verdicts stand under the names of the metrics (`name/slice` for slices). `Pass | Fail | Inconclusive` each have a
`reason` (an enum whose values are part of the API) and a `message`.

Around it: `look_counts` and `labelled_counts` drop what spans a weight change, `Spread` gives the design effect from
stable's pods, `expected_labels` says beforehand how many labels a decision takes, `LookRecord` and `replay` repeat a logged history. `renewed` before each look, and half the rate,
judge what may begin at any time.
"""

from serin_operator.decide.analysis.clients import Clients
from serin_operator.decide.analysis.clusters import BY_CONNECTION, Spread
from serin_operator.decide.analysis.config import (
    AnalysisConfig,
    Bound,
    Comparison,
    Drift,
    Evidence,
    MeanDifference,
    Metric,
    Paired,
    Role,
    Rule,
    Threshold,
    accuracy,
    error_rate,
    latency,
)
from serin_operator.decide.analysis.errors import InvalidAnalysis
from serin_operator.decide.analysis.history import LookRecord, replay
from serin_operator.decide.analysis.judge import Verdicts, judge_look
from serin_operator.decide.analysis.margins import NO_WORSE, Margin, OddsRatio, Points
from serin_operator.decide.analysis.outcome import Advice, OnDeadline, Outcome, outcome
from serin_operator.decide.analysis.planning import expected_labels, labels_for
from serin_operator.decide.analysis.planning_in_pairs import InPairs, expected_samples, samples_for
from serin_operator.decide.analysis.pods import PodScatter
from serin_operator.decide.analysis.renewal import PRICE, renewed
from serin_operator.decide.analysis.samples import (
    Arm,
    Difference,
    Histograms,
    Measurement,
    NoData,
    Observation,
    Pairs,
    Proportions,
    QueryFailed,
    Sample,
    Stratum,
    Value,
)
from serin_operator.decide.analysis.state import AnalysisState, MetricState, begin_step
from serin_operator.decide.analysis.verdicts import Fail, Inconclusive, Pass, Reason, Verdict
from serin_operator.decide.analysis.windows import (
    Cell,
    Look,
    labelled_counts,
    look_counts,
    spans_weight_change,
)
from serin_operator.decide.analysis.words import Words

__all__ = [
    "BY_CONNECTION",
    "NO_WORSE",
    "PRICE",
    "Advice",
    "AnalysisConfig",
    "AnalysisState",
    "Arm",
    "Bound",
    "Cell",
    "Clients",
    "Comparison",
    "Difference",
    "Drift",
    "Evidence",
    "Fail",
    "Histograms",
    "InPairs",
    "Inconclusive",
    "InvalidAnalysis",
    "Look",
    "LookRecord",
    "Margin",
    "MeanDifference",
    "Measurement",
    "Metric",
    "MetricState",
    "NoData",
    "Observation",
    "OddsRatio",
    "OnDeadline",
    "Outcome",
    "Paired",
    "Pairs",
    "Pass",
    "PodScatter",
    "Points",
    "Proportions",
    "QueryFailed",
    "Reason",
    "Role",
    "Rule",
    "Sample",
    "Spread",
    "Stratum",
    "Threshold",
    "Value",
    "Verdict",
    "Verdicts",
    "Words",
    "accuracy",
    "begin_step",
    "error_rate",
    "expected_labels",
    "expected_samples",
    "judge_look",
    "labelled_counts",
    "labels_for",
    "latency",
    "look_counts",
    "outcome",
    "renewed",
    "replay",
    "samples_for",
    "spans_weight_change",
]
