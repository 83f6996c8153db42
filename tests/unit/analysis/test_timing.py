"""Labels of pairs that come sooner where only the canary was wrong: what is still to come is taken to speak for it."""

import pytest

from serin_operator.decide.analysis import (
    AnalysisConfig,
    AnalysisState,
    Arm,
    Fail,
    Inconclusive,
    Metric,
    Paired,
    Pairs,
    Proportions,
    Reason,
    Stratum,
    Value,
    accuracy,
    judge_look,
    timing,
)
from serin_operator.decide.analysis.state import MetricState

CONFIG = AnalysisConfig((Metric("m", accuracy(0.01, paired=Paired.AUTO)),), min_samples=1)
EARLY = (Pairs(50, 4, 400), Pairs(10, 6, 100))  # only the canary, only the control, all; the second older
ALIKE = (Pairs(30, 5, 250), Pairs(30, 5, 250))
ALL = Pairs(60, 10, 500)


def verdict_of(*looks, config=CONFIG):
    state, verdicts = AnalysisState(), {}
    for seen in looks:
        state, verdicts = judge_look(config, state, {"m": Value(seen)})
    return verdicts["m"]


@pytest.mark.parametrize(
    ("ages", "sigmas"),
    [
        pytest.param((), 0.0, id="no labels"),
        pytest.param((9, 4, 99), 0.0, id="all of one age"),
        pytest.param((5, 5, 19, 5, 5, 19), 0.0, id="as old"),
        pytest.param((5, 0, 19, 0, 5, 19), 3.0, id="the canary's sooner"),
        pytest.param((0, 5, 19, 5, 0, 19), -3.0, id="the canary's later"),
        pytest.param((3, 0, 3, 0, 0, 3), 0.0, id="none where only the control was wrong"),
    ],
)
def test_ages_are_compared_by_their_ranks(ages, sigmas):
    assert timing.sooner(ages[0::3], ages[1::3]) == pytest.approx(sigmas, abs=1e-4)


def test_labels_that_come_sooner_for_the_canarys_mistakes_hold_the_pairs_while_others_are_outstanding():
    held = verdict_of(Proportions(pairs=ALL, pair_ages=EARLY, differing=Arm(140, 2000)))
    assert isinstance(held, Inconclusive)
    assert held.reason is Reason.SELECTIVE_LABELS
    assert "may come sooner where only the canary was wrong" in held.message
    assert "70 pairs on which they differ have none yet" in held.message


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(Proportions(pairs=ALL, pair_ages=EARLY, differing=Arm(70, 500)), id="all labels have come"),
        pytest.param(Proportions(pairs=ALL, pair_ages=EARLY, differing=Arm(75, 600)), id="too few are outstanding"),
        pytest.param(Proportions(pairs=ALL, pair_ages=ALIKE, differing=Arm(700, 9000)), id="labels are as old"),
        pytest.param(
            Proportions(pairs=Pairs(60, 1, 500), pair_ages=(Pairs(60, 1, 500),), differing=Arm(700, 9000)),
            id="all labels are of one age",
        ),
        pytest.param(Proportions(pairs=ALL, differing=Arm(700, 9000)), id="no ages are told, as of errors"),
    ],
)
def test_pairs_blame_where_that_explains_nothing(seen):
    assert isinstance(verdict_of(seen), Fail)


@pytest.mark.parametrize(
    ("ages", "verdict"),
    [
        pytest.param((Pairs(20, 1, 150), Pairs(20, 1, 150)), Fail, id="as old as those of all other pairs"),
        pytest.param((Pairs(30, 1, 150), Pairs(10, 1, 150)), Inconclusive, id="younger than those of all other pairs"),
    ],
)
def test_where_hardly_any_tell_how_soon_the_others_come_all_other_pairs_tell(ages, verdict):
    few = Proportions(pairs=Pairs(40, 2, 300), pair_ages=ages, differing=Arm(90, 600))
    assert isinstance(verdict_of(few), verdict)


def test_where_nobody_knows_how_many_pairs_were_made_they_are_held():
    held = verdict_of(Proportions(pairs=ALL, pair_ages=EARLY))
    assert held.reason is Reason.SELECTIVE_LABELS
    assert "nobody knows how many" in held.message


def test_a_version_is_blamed_when_the_labels_that_were_outstanding_speak_against_it_too():
    first = Proportions(pairs=ALL, pair_ages=EARLY, differing=Arm(140, 1200))
    rest = Proportions(pairs=Pairs(40, 20, 600), pair_ages=(Pairs(), Pairs(40, 20, 600)))
    assert isinstance(verdict_of(first), Inconclusive)
    assert isinstance(verdict_of(first, rest), Fail)


def test_unpaired_labels_blame_all_the_same():
    worse = Stratum(Arm(300, 1000), Arm(320, 4000))
    assert isinstance(
        verdict_of(Proportions((worse,), pairs=ALL, pair_ages=EARLY, differing=Arm(140, 2000))),
        Fail,
    )


def test_what_is_outstanding_takes_evidence_away_and_nothing_else_does():
    state = MetricState(pairs=(60, 10, 500), pairs_against=(1_000_000,) * 12, made=(70, 500))
    assert timing.log_against(state, 0.01) == 1_000_000
    more = MetricState(pairs=(60, 10, 500), pairs_against=(1_000_000,) * 12, made=(71, 501))
    assert timing.outstanding(more) == Pairs(0, 1, 1)
    assert timing.log_against(more, 0.01) < 1_000_000


def test_ages_add_up_over_looks_however_many_each_has():
    seen = Proportions(pair_ages=(Pairs(1, 2, 9), Pairs(3, 4, 8)), differing=Arm(5, 50))
    ages, made = timing.observe(MetricState(pair_ages=(1, 1, 1), made=(2, 20)), seen)
    assert (ages, made) == ((2, 3, 10, 3, 4, 8), (7, 70))


def test_pairs_on_which_both_were_wrong_in_their_own_way_are_not_outstanding_once_they_are_labelled():
    state = MetricState(pairs=(60, 10, 500), made=(170, 520))
    assert timing.outstanding(state) == Pairs(0, 20, 20)


def test_how_many_pairs_were_made_is_not_known_where_some_were_judged_before_anybody_counted():
    seen = Proportions(pair_ages=(Pairs(1, 2, 9),), differing=Arm(5, 50))
    assert timing.observe(MetricState(pairs=(60, 10, 500)), seen) == ((1, 2, 9), ())
