"""A guard looks for as long as it lives: false alarms over all of it, and how soon a decay is found."""

from math import sqrt
from statistics import median

import numpy as np
import pytest

from serin_operator.decide.analysis import (
    NO_WORSE,
    PRICE,
    AnalysisConfig,
    AnalysisState,
    Comparison,
    Fail,
    Metric,
    Paired,
    Pairs,
    Points,
    Proportions,
    Value,
    Words,
    judge_look,
    renewed,
)

ALPHA = 0.01
MARGIN = 0.01
PAIRS_A_LOOK = 50
GUARDS = 2000


def config_of(margin: float, *, paired: Paired = Paired.REQUIRE, alpha: float = ALPHA) -> AnalysisConfig:
    rule = Comparison(Points(margin) if margin else NO_WORSE, words=Words.ACCURACY, paired=paired)
    return AnalysisConfig((Metric("accuracy", rule),), false_rollback_rate=alpha / PRICE)


def looks_of(draw: np.random.Generator, looks: int, differing: float, worse: float) -> list[Value]:
    """Looks of pairs: a share of them differs, and the new version is worse by so much."""
    shares = [(differing + worse) / 2, (differing - worse) / 2, 1 - differing]
    counts = draw.multinomial(PAIRS_A_LOOK, shares, looks).tolist()
    return [Value(Proportions(pairs=Pairs(canary, control, PAIRS_A_LOOK))) for canary, control, _ in counts]


def fires_at(config: AnalysisConfig, looks: list[Value], *, renews: bool = True) -> int | None:
    """The look at which a guard of so many fails; None: it lives to its end."""
    state = AnalysisState()
    for number, look in enumerate(looks):
        if renews:
            state = renewed(state, 1 / len(looks))
        state, verdicts = judge_look(config, state, {"accuracy": look}, taken_at=float(number))
        if isinstance(verdicts["accuracy"], Fail):
            return number
    return None


def upper_end(failed: int, of: int) -> float:
    """Upper end of the 95 % interval (Wilson 1927)."""
    z, rate = 1.96, failed / of
    middle, half = rate + z * z / (2 * of), z * sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    return (middle + half) / (1 + z * z / of)


def false_alarms(seed: int, guards: int, looks: int, margin: float, worse: float) -> int:
    draw, config = np.random.default_rng(seed), config_of(margin)
    lives = (looks_of(draw, looks, 0.06, worse) for _ in range(guards))
    return sum(fires_at(config, life) is not None for life in lives)


def test_what_has_not_begun_to_bet_is_left_as_it_is_and_no_weight_changes_nothing() -> None:
    state = AnalysisState()
    assert renewed(state, 0.5) == state
    state, _ = judge_look(config_of(MARGIN), state, {"accuracy": looks_of(np.random.default_rng(1), 1, 0.1, 0.0)[0]})
    assert renewed(state, 0.0) == state


def test_evidence_that_a_good_time_has_taken_away_does_not_fall_below_the_weight() -> None:
    config, state = config_of(MARGIN), AnalysisState()
    for _ in range(50):
        state = renewed(state, 0.01)
        same = Value(Proportions(pairs=Pairs(0, 0, 1000)))
        state, _ = judge_look(config, state, {"accuracy": same})
    least = min(renewed(state, 0.01).metrics["accuracy"].pairs_against)
    assert least >= -4_605_171  # log 0.01, in micronats


def test_a_decay_is_found_after_a_good_time_in_which_plain_evidence_was_lost() -> None:
    draw, config = np.random.default_rng(7), config_of(MARGIN)
    good, bad = 400, 100
    life = looks_of(draw, good, 0.06, 0.0) + looks_of(draw, bad, 0.10, 0.06)
    found, plain = fires_at(config, life), fires_at(config, life, renews=False)
    assert found is not None
    assert found - good < 30
    assert plain is None


@pytest.mark.parametrize("margin", [0.0, MARGIN])
def test_a_guard_of_a_version_at_its_margin_fails_no_more_often_than_it_says(margin: float) -> None:
    assert upper_end(false_alarms(3, 100, 60, margin, margin), 100) <= 0.06


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.0, MARGIN])
def test_over_its_whole_life_a_guard_fails_no_more_often_than_it_says(margin: float) -> None:
    failed = false_alarms(11, GUARDS, 150, margin, margin)
    assert upper_end(failed, GUARDS) <= ALPHA, failed


@pytest.mark.slow
@pytest.mark.parametrize(("worse", "within"), [(0.03, 6_000), (0.06, 1_500), (0.12, 500)])
def test_a_decay_after_a_thousand_good_looks_is_found_within_so_many_labels(worse: float, within: int) -> None:
    draw, config, good, bad = np.random.default_rng(5), config_of(MARGIN), 1000, 200
    found = []
    for _ in range(20):
        decayed = looks_of(draw, bad, 0.06 + worse, worse)
        life = [*looks_of(draw, good, 0.06, 0.0), *decayed]
        fired = fires_at(config, life)
        assert fired is not None
        found.append((fired - good + 1) * PAIRS_A_LOOK)
    assert median(found) <= within
