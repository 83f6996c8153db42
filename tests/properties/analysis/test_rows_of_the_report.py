"""Rows of benchmarks/analysis are judged by the shipped engine, and what is short-cut there for speed says the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from benchmarks.analysis import cases, paired_rows, screen
from benchmarks.analysis.rollout import Seen, compiled, followed

from serin_operator.decide.analysis import Proportions, Value
from serin_operator.decide.judging.judge import judge
from serin_operator.decide.looks import Look, LookResult, Span
from serin_operator.decide.memory.comparison import Comparison

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(cases.by_connection(cases.ERRORS, cases.alike(10, 0.1), [2.0] * 10), id="clients"),
        pytest.param(cases.lasting_pods(0.5, ((1, 10), (3, 10))), id="pods"),
        pytest.param(cases.fresh_pods(0.2, 15), id="new pods"),
        pytest.param(cases.rare_errors(8, 22, 0.02, 12, looks=60), id="rare errors"),
        pytest.param(cases.selective_labels(1.1), id="selective labels"),
        pytest.param(paired_rows.beside(paired_rows.accuracy(), 0.03), id="pairs beside labels"),
        pytest.param(
            paired_rows.counted(paired_rows.accuracy(evidence="NonInferior"), 0.003, 0.0, 60, labels=False),
            id="agreement",
        ),
    ],
)
def test_evidence_of_all_rollouts_at_once_is_that_of_the_engine(run, monkeypatch):
    monkeypatch.setattr(screen, "CHECKED_EVERY", 1)
    assert len(run(np.random.default_rng(3), 4)) == 4  # it raises where they differ


def test_a_rollout_that_is_followed_ends_as_the_one_that_the_operator_judges(monkeypatch):
    followed_with = []
    monkeypatch.setattr(screen, "followed", lambda *asked: followed_with.append(asked) or followed(*asked))
    cases.by_connection(cases.ERRORS, cases.alike(10, 0.1), [2.0] * 10)(np.random.default_rng(4), 1)
    config, before, looks, _ = followed_with[0]
    assert followed(config, before, looks).worst == pytest.approx(_operator(config, before, looks), abs=1e-6)


def _operator(config, before, looks):
    """The most evidence against the canary after all looks, by way of status."""
    comparison, start = Comparison(since=T0, look_from=T0), T0
    for number, seen in enumerate(looks):
        end = start + timedelta(seconds=seen.seconds)
        changes = (Span(start, start),) if seen.begins_stage else ()
        comparison = replace(comparison, stage_from=start if seen.begins_stage else None)
        first = {"m": before.sample} if number == 0 else {}
        pods, clients = ({"m": before.pods}, {"m": before.clients}) if number == 0 else ({}, {})
        result = LookResult(
            Look("ns", "m", "stable", "canary", start, end, T0, changes),
            {"m": seen.sample},
            first,
            {"m": seen.pods},
            pods,
            {"m": seen.clients},
            clients,
        )
        comparison, start = judge(comparison, result, config, end).comparison, end
    return comparison.evidence["metrics"]["m"].get("worst", 0) / 1e6


def test_the_spec_of_a_row_is_compiled_with_the_defaults_that_the_api_promises():
    config = compiled({"errorRate": {}})
    assert (config.false_rollback_rate, config.min_samples, config.metrics[0].rule.points) == (0.01, 100, 0.005)


def test_a_followed_rollout_says_why_it_is_held():
    assert followed(compiled({"accuracy": {}}), None, [Seen(Value(Proportions()))]).said == "Inconclusive/NoData"
