"""Pairs: what one look of them is worth, exactly; and agreement, which needs no label."""

import itertools
import math

import numpy as np
import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Evidence,
    Fail,
    Inconclusive,
    InvalidAnalysis,
    LookRecord,
    Metric,
    OddsRatio,
    Paired,
    Pairs,
    Pass,
    Proportions,
    Reason,
    Stratum,
    Value,
    accuracy,
    judge_look,
    replay,
)
from serin_operator.decide.analysis.config import Comparison, Words, fingerprint
from serin_operator.decide.analysis.paired import log_against, log_alike, log_for_it

SURE = accuracy(0.01, Evidence.NON_INFERIOR, Paired.AUTO)


def run(rule, *looks):
    config = AnalysisConfig((Metric("m", rule),))
    state, verdicts = AnalysisState(), {}
    for seen in looks:
        state, verdicts = judge_look(config, state, {"m": Value(seen)})
    return state.metrics["m"], verdicts["m"]


def expectation(total, chances, logs):
    """E[e-value] over the outcomes of `total` pairs, by enumeration."""
    sums = 0.0
    for b, c in itertools.product(range(total + 1), repeat=2):
        if b + c <= total:
            ways = math.comb(total, b) * math.comb(total - b, c)
            weight = ways * chances[0] ** b * chances[1] ** c * (1 - sum(chances)) ** (total - b - c)
            sums = sums + weight * np.exp(logs(Pairs(b, c, total)))
    return float(np.max(sums))


@pytest.mark.parametrize("delta", [0.0, 0.005, 0.1])
@pytest.mark.parametrize("control_only", [0.0, 0.02, 0.4])
def test_pairs_within_the_margin_are_not_expected_to_gather_evidence(delta, control_only):
    at = (control_only + delta, control_only)
    assert expectation(9, at, lambda pairs: log_against(pairs, delta)) <= 1 + 1e-9
    assert expectation(9, at, lambda pairs: log_for_it(pairs, delta)) <= 1 + 1e-9
    assert expectation(9, (control_only + delta / 2, control_only), lambda one: log_against(one, delta)) <= 1 + 1e-9


def test_versions_that_differ_on_as_many_as_the_margin_are_not_expected_to_be_called_alike():
    values = [math.comb(40, d) * 0.05**d * 0.95 ** (40 - d) * np.exp(log_alike(Arm(d, 40), 0.05)) for d in range(41)]
    assert np.max(sum(values)) <= 1 + 1e-9
    assert log_alike(Arm(0, 1000), 0.0) == [0.0] * 8


def test_a_canary_wrong_where_its_control_was_right_fails_with_the_counts_told():
    _, verdict = run(accuracy(0.01, paired=Paired.AUTO), Proportions(pairs=Pairs(40, 5, 300)))
    assert isinstance(verdict, Fail)
    assert "of 300 pairs 40 where only the canary was wrong, 5 only stable" in verdict.message


def test_pairs_alone_pass_a_canary_that_is_equal():
    state, verdict = run(accuracy(0.01, paired=Paired.AUTO), Proportions(pairs=Pairs(9, 10, 300)))
    assert isinstance(verdict, Pass)
    assert state.step_samples == 300


def test_agreement_proves_non_inferiority_without_a_label():
    _, verdict = run(SURE, Proportions(differing=Arm(4, 2000)))
    assert verdict.reason is Reason.NON_INFERIOR
    assert "different answers in 0.20 % of 2,000 pairs" in verdict.message


def test_agreement_never_speaks_against_a_version():
    state, verdict = run(SURE, Proportions(differing=Arm(1500, 2000)))
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.NOT_ENOUGH_EVIDENCE
    assert state.worst == 0


def test_agreement_does_not_pass_a_canary_that_labels_speak_against():
    seen = Proportions((Stratum(Arm(60, 400), Arm(90, 1600)),), pairs=Pairs(33, 8, 400), differing=Arm(2, 3000))
    _, verdict = run(SURE, seen)
    assert not isinstance(verdict, Pass)


def test_pairs_and_strata_share_one_rate_and_each_is_enough():
    strata = Proportions((Stratum(Arm(200, 800), Arm(240, 3200)),))
    pairs = Proportions(pairs=Pairs(80, 10, 800))
    for seen in (strata, pairs):
        assert isinstance(run(accuracy(0.01, paired=Paired.AUTO), seen)[1], Fail)


def test_without_pairs_the_rest_of_the_evidence_has_its_full_worth():
    seen = Proportions((Stratum(Arm(40, 200), Arm(64, 800)),), pairs=Pairs(90, 1, 100))
    assert run(accuracy(0.01), seen)[0].worst == run(accuracy(0.01), Proportions(seen.strata))[0].worst


def test_where_pairs_are_required_other_labels_count_for_nothing():
    _, verdict = run(accuracy(0.01, paired=Paired.REQUIRE), Proportions((Stratum(Arm(90, 100), Arm(10, 400)),)))
    assert isinstance(verdict, Inconclusive)
    assert verdict.reason is Reason.NO_DATA


def test_a_ratio_of_odds_is_no_margin_for_pairs():
    with pytest.raises(InvalidAnalysis, match=r"margin\.ratio"):
        Comparison(OddsRatio(1.2), paired=Paired.AUTO)


def test_more_discordant_pairs_than_pairs_are_refused():
    with pytest.raises(InvalidAnalysis, match="total"):
        Pairs(3, 3, 5)


def test_a_rule_without_pairs_keeps_the_mark_that_it_had_before_there_were_any():
    assert fingerprint(accuracy(0.01)) == "fac52ae1"
    assert fingerprint(accuracy(0.01)) != fingerprint(accuracy(0.01, paired=Paired.AUTO))


def test_a_logged_look_of_pairs_replays_to_the_same_verdict():
    missing = (Stratum(Arm(3, 40), Arm(9, 160)),)
    seen = Value(Proportions((), Arm(), Pairs(4, 5, 200), Arm(9, 1000), missing, missing))
    config = AnalysisConfig((Metric("m", SURE),))
    record = LookRecord.from_dict(LookRecord({"m": seen}, 1.0).to_dict())
    assert record.samples["m"] == seen
    assert replay(config, [record])[0] == judge_look(config, AnalysisState(), {"m": seen})[1]


def test_words_of_accuracy_are_those_of_labels():
    assert SURE.words is Words.ACCURACY
