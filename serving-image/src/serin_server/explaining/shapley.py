"""Shapley values by antithetic permutations: what each feature adds, averaged over orders in which features come.

A coalition is a set of features that have the values of the row that is explained; the others have those of one row of the
background. A walk starts at a background row, gives it the explained row's values one after another in a random order, and
credits each change of the prediction to the feature that made it. Every walk is walked in the opposite order too
(Mitchell, Cooper, Frank and Holmes, "Sampling Permutations for Shapley Value Estimation", 2022): errors of the two cancel
where features act in pairs.

A round is one such pair for *every* background row, so the values of each round add up to f(row) - mean f(background),
whatever the orders were. Rounds are repeated until the standard errors are small enough, or a limit is reached.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_LEAST_DEGREES: Final = 64
"""Degrees of freedom below which a standard error is a guess, and nothing is answered."""
_ENOUGH_DEGREES: Final = 512
"""Degrees of freedom from which it is believed. Trees jump, and few walks may miss a jump: of 40 trees boosted on eight features,
three standard errors of 64 degrees missed 4 values in 100, of 256 1.2, of 384 0.9, of 512 0.65; of smooth functions 0.3 to 0.4."""
_NOISE: Final = 1e-6
"""Below this share of the predictions themselves, an effect is the rounding of FP32."""


class Game(Protocol):
    """What coalitions are worth."""

    features: int
    background: int

    def at_a_time(self) -> int:
        """How many coalitions are to be valued in one call, now."""

    def values(self, masks: NDArray[np.bool_], rows: NDArray[np.int64]) -> Numbers:
        """The prediction for each coalition.

        Args:
            masks: Shape (coalitions, features): which have the values of the row that is explained.
            rows: Shape (coalitions,): which background row gives the others.
        """


class Stopped(StrEnum):
    """Why sampling ended."""

    PRECISE = "precise"
    EVALUATIONS = "evaluations"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: standard errors up to `tolerance` of the largest effect, so many predictions, or when time is up."""

    evaluations: int
    tolerance: float = 0.05
    is_time_up: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Attribution:
    """One explained row: `values` add up to `prediction - base_value`; each has its standard error."""

    values: Numbers
    standard_errors: Numbers
    base_value: float
    prediction: float
    evaluations: int
    stopped: Stopped


class OutOfTime(Exception):
    """Time was up before there was an answer of any worth."""


def fewest_rounds(background: int) -> int:
    """Rounds without which nobody could tell how far off the values are."""
    return _rounds(_LEAST_DEGREES, background)


def _rounds(degrees: int, background: int) -> int:
    return 1 + -(-degrees // background)


def fewest_evaluations(features: int, background: int) -> int:
    """The least that one explanation takes."""
    return 1 + background + fewest_rounds(background) * _evaluations_a_round(features, background)


@np.errstate(over="ignore", invalid="ignore")
def sampled(game: Game, limits: Limits, rng: np.random.Generator) -> Attribution:
    """The Shapley values of a game; no numbers where its values differ by more than FP64 holds. Raises `OutOfTime`.

    The standard error of a feature is that of a stratified mean: background row b has variance s_b² from round to round, and
    the mean over B rows and R rounds has variance sum(s_b²) / (R B²).
    """
    features, background = game.features, game.background
    start = _valued(game, limits, np.zeros((background, features), dtype=bool), np.arange(background))
    prediction = float(game.values(np.ones((1, features), dtype=bool), np.zeros(1, dtype=np.int64))[0])
    evaluations, rounds = 1 + background, 0
    mean, squares = np.zeros((background, features)), np.zeros((background, features))
    scale = max(abs(prediction), float(np.abs(start).max()))
    values = errors = np.zeros(features)
    stopped = Stopped.PRECISE
    while True:
        try:
            ranks = np.argsort(rng.random((background, features)), axis=1)
            pair = sum(_walked(game, limits, each, start, prediction) for each in (ranks, features - 1 - ranks)) / 2
        except OutOfTime:
            if rounds < fewest_rounds(background):
                raise
            stopped = Stopped.TIME
            break
        evaluations += _evaluations_a_round(features, background)
        rounds += 1
        change = pair - mean
        mean += change / rounds
        squares += change * (pair - mean)
        if rounds < fewest_rounds(background):
            continue
        values = mean.mean(axis=0)
        errors = np.sqrt((squares / (rounds - 1)).sum(axis=0) / rounds) / background
        is_believed = rounds >= _rounds(_ENOUGH_DEGREES, background)
        if is_believed and errors.max() <= max(limits.tolerance * np.abs(values).max(), _NOISE * scale):
            break
        if evaluations + _evaluations_a_round(features, background) > limits.evaluations:
            stopped = Stopped.EVALUATIONS
            break
    return Attribution(values, errors, float(start.mean()), prediction, evaluations, stopped)


def _evaluations_a_round(features: int, background: int) -> int:
    return 2 * (features - 1) * background


def _walked(game: Game, limits: Limits, ranks: NDArray[np.int64], start: Numbers, end: float) -> Numbers:
    """What each feature changed, by background row, when it came at its rank. Shape (background, features)."""
    background, features = ranks.shape
    along = np.empty((background, features + 1))
    along[:, 0], along[:, -1] = start, end
    inner = features - 1
    found = along[:, 1:-1].copy().reshape(-1)
    first = 0
    while first < len(found):
        if limits.is_time_up():
            raise OutOfTime
        place = np.arange(first, min(first + game.at_a_time(), len(found)))
        rows = place // inner
        found[place] = game.values(ranks[rows] <= (place % inner)[:, None], rows)
        first += len(place)
    along[:, 1:-1] = found.reshape(background, inner)
    return np.take_along_axis(np.diff(along, axis=1), ranks, axis=1)


def _valued(game: Game, limits: Limits, masks: NDArray[np.bool_], rows: NDArray[np.int64]) -> Numbers:
    """As `Game.values`, a piece at a time."""
    found: list[Numbers] = []
    first = 0
    while first < len(rows):
        if limits.is_time_up():
            raise OutOfTime
        last = first + game.at_a_time()
        found.append(game.values(masks[first:last], rows[first:last]))
        first = last
    return np.concatenate(found)
