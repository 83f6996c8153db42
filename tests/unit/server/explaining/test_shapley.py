"""Sampled Shapley values against exact ones, on games small enough for every coalition."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from serin_server.explaining.shapley import (
    Limits,
    OutOfTime,
    Stopped,
    fewest_evaluations,
    sampled,
)

LOOSE = Limits(evaluations=200_000, tolerance=0.05)


class Function:
    """A game of a function of rows, played against a background."""

    def __init__(self, function, row, background):
        self.function = function
        self.row = np.asarray(row, dtype=float)
        self.rows = np.asarray(background, dtype=float)
        self.features = len(self.row)
        self.background = len(self.rows)
        self.asked = 0
        self.chunk = 100

    def at_a_time(self):
        return self.chunk

    def values(self, masks, rows):
        self.asked += len(masks)
        assert len(masks) <= self.chunk or masks.shape == (1, self.features)
        return self.function(np.where(masks, self.row, self.rows[rows]))


class Worths:
    """The same game, every coalition valued ahead."""

    def __init__(self, game):
        self.features, self.background = game.features, game.background
        self._places = 1 << np.arange(game.features)
        masks = (np.arange(1 << game.features)[:, None] & self._places) > 0
        mixed = np.where(masks[:, None], game.row, game.rows).reshape(-1, game.features)
        self._worth = game.function(mixed).reshape(len(masks), -1)

    def at_a_time(self):
        return 1 << 14

    def values(self, masks, rows):
        return self._worth[masks @ self._places, rows]


def exact(game):
    """By the formula, over every coalition of every background row."""
    n = game.features
    everyone = np.arange(game.background)
    worth = {}
    for size in range(n + 1):
        for members in combinations(range(n), size):
            mask = np.zeros((1, n), dtype=bool)
            mask[0, list(members)] = True
            worth[members] = game.function(np.where(mask, game.row, game.rows[everyone])).mean()
    values = np.zeros(n)
    for feature in range(n):
        others = [each for each in range(n) if each != feature]
        for size in range(n):
            share = factorial(size) * factorial(n - size - 1) / factorial(n)
            for members in combinations(others, size):
                joined = tuple(sorted((*members, feature)))
                values[feature] += share * (worth[joined] - worth[members])
    return values


def crooked(rows):
    """Features that act together, in twos and threes, and not smoothly."""
    added = rows[:, 0] * rows[:, 1] - 2 * rows[:, 2] * np.sin(rows[:, 3]) + (rows[:, 4] > 0) * rows[:, 5] * rows[:, 6]
    return added + np.tanh(rows.sum(axis=1))


def crooked_game(seed, features=8, background=12):
    rng = np.random.default_rng(seed)
    return Function(crooked, rng.normal(size=features), rng.normal(size=(background, features)))


@pytest.mark.slow
def test_values_lie_within_three_standard_errors_of_the_exact_ones_and_standard_errors_are_as_large_as_the_errors():
    distances = []
    for seed in range(60):
        game = crooked_game(seed)
        found = sampled(game, LOOSE, np.random.default_rng(seed))
        distances += ((found.values - exact(game)) / found.standard_errors).tolist()
    # 0.3 % of a normal distribution lies outside; standard errors of few rounds are not known that well.
    assert np.mean(np.abs(distances) > 3) < 0.015
    assert 0.85 < np.sqrt(np.mean(np.square(distances))) < 1.15


@pytest.mark.slow
def test_three_standard_errors_hold_99_values_in_100_of_boosted_trees_which_jump():
    from sklearn.ensemble import GradientBoostingClassifier

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 8))
    wanted = rows[:, 0] * rows[:, 1] + rows[:, 2] + (rows[:, 3] > 0.5) * rows[:, 4] > 0.2
    trees = GradientBoostingClassifier(n_estimators=40, random_state=1).fit(rows, wanted)
    outside = []
    for each in rows[300:310]:
        game = Function(lambda some: trees.predict_proba(some)[:, 1], each, rows[:24])
        right = exact(game)
        table = Worths(game)
        for seed in range(30):
            found = sampled(table, LOOSE, np.random.default_rng(seed))
            outside += (np.abs(found.values - right) > 3 * found.standard_errors + 1e-6).tolist()
    assert np.mean(outside) < 0.01


def test_values_add_up_to_what_the_row_differs_from_the_mean_of_the_background():
    game = crooked_game(3)
    found = sampled(game, LOOSE, np.random.default_rng(1))
    assert found.prediction == pytest.approx(crooked(game.row[None])[0])
    assert found.base_value == pytest.approx(crooked(game.rows).mean())
    assert found.values.sum() == pytest.approx(found.prediction - found.base_value, abs=1e-12)


def test_a_sum_of_features_is_explained_exactly_as_soon_as_that_can_be_believed():
    game = crooked_game(4)
    game.function = lambda rows: rows @ np.arange(8.0)
    found = sampled(game, LOOSE, np.random.default_rng(1))
    assert found.values == pytest.approx((game.row - game.rows.mean(axis=0)) * np.arange(8.0))
    assert found.standard_errors.max() < 1e-12
    assert found.evaluations == 1 + 12 + 44 * 2 * 7 * 12 == game.asked
    assert found.stopped is Stopped.PRECISE


def test_a_feature_that_the_function_does_not_look_at_gets_nothing():
    game = crooked_game(5, features=9)
    game.function = lambda rows: crooked(rows[:, :8])
    found = sampled(game, LOOSE, np.random.default_rng(1))
    assert found.values[8] == 0.0
    assert found.standard_errors[8] == 0.0


@pytest.mark.parametrize("features", [1, 2])
def test_rows_of_one_or_two_features_are_explained_exactly(features):
    rng = np.random.default_rng(2)
    game = Function(lambda rows: rows.prod(axis=1), rng.normal(size=features), rng.normal(size=(5, features)))
    found = sampled(game, LOOSE, rng)
    assert found.values == pytest.approx(exact(game))
    assert found.standard_errors.max() < 1e-12


def test_a_background_of_one_row_takes_more_rounds_before_it_is_believed():
    game = crooked_game(6, background=1)
    found = sampled(game, Limits(evaluations=10**6, tolerance=0.01), np.random.default_rng(1))
    assert found.evaluations >= fewest_evaluations(8, 1) > 60 * 14
    assert (np.abs(found.values - exact(game)) < 3 * found.standard_errors).all()


def test_sampling_ends_before_the_limit_of_evaluations_and_says_so():
    game = crooked_game(7)
    found = sampled(game, Limits(evaluations=2_500, tolerance=0.0), np.random.default_rng(1))
    assert found.stopped is Stopped.EVALUATIONS
    assert found.evaluations == game.asked <= 2_500
    assert found.evaluations + 2 * 7 * 12 > 2_500


def test_sampling_ends_when_time_is_up_with_the_rounds_that_were_finished():
    game = crooked_game(8)
    found = sampled(game, Limits(10**9, 0.0, lambda: game.asked > 3_000), np.random.default_rng(1))
    assert found.stopped is Stopped.TIME
    assert found.values.sum() == pytest.approx(found.prediction - found.base_value, abs=1e-12)


def test_without_a_finished_estimate_there_is_none_when_time_is_up():
    game = crooked_game(9)
    with pytest.raises(OutOfTime):
        sampled(game, Limits(10**9, 0.0, lambda: game.asked > 50), np.random.default_rng(1))


def test_the_same_seed_gives_the_same_explanation():
    one, other = (sampled(crooked_game(10), LOOSE, np.random.default_rng(7)) for _ in range(2))
    assert one.values.tolist() == other.values.tolist()


def test_a_function_that_is_the_same_everywhere_ends_at_once():
    game = crooked_game(11)
    game.function = lambda rows: np.full(len(rows), 3.0)
    found = sampled(game, LOOSE, np.random.default_rng(1))
    assert found.stopped is Stopped.PRECISE
    assert found.values.tolist() == [0.0] * 8
