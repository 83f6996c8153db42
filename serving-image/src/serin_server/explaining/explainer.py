"""Explains predictions of the model that serves, by its own session."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Final

import numpy as np

from serin_server.explaining.evaluations import Evaluations
from serin_server.explaining.mixing import Mixer
from serin_server.explaining.shapley import Attribution, Limits, OutOfTime, fewest_evaluations, sampled
from serin_server.explaining.targets import Label, Target, target_of
from serin_server.model.session import Session
from serin_server.model.tensors import Array
from serin_server.refusals import Kind, Refusal

MAX_ROWS: Final = 32
"""Rows that one request may have explained."""
_BYTES_OF_A_CHUNK: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be explained, and how exactly; None for what the server makes of it."""

    arrays: Sequence[Array]
    output: str | None = None
    label: Label | None = None
    evaluations: int | None = None
    tolerance: float = 0.05
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """One row and what was explained of it."""

    target: Target
    attribution: Attribution


class Explainer:
    """Explains rows of one model; for one thread at a time."""

    def __init__(
        self,
        session: Session,
        background: Sequence[Array],
        names: Sequence[str],
        *,
        most_rows: int,
        max_evaluations: int,
        max_seconds: float,
        preferred_output: str = "",
    ) -> None:
        """`names` are the features', `most_rows` may share a run, the limits are for one request."""
        self.names = tuple(names)
        self._session = session
        self._background = background
        self._most_rows = most_rows
        self._max_evaluations = max_evaluations
        self._max_seconds = max_seconds
        self._preferred_output = preferred_output

    @property
    def background_rows(self) -> int:
        """How many rows the background has."""
        return len(self._background[0])

    def memory_bytes(self) -> int:
        """What an explanation holds at most, beside its request."""
        return _BYTES_OF_A_CHUNK + 64 * self.background_rows * (len(self.names) + 1)

    def explain(self, question: Question) -> list[Explained]:
        """One explanation a row. Raises `Refusal` with what cannot be explained and why."""
        rows = self._checked_rows(question)
        share = min(question.evaluations or self._max_evaluations, self._max_evaluations) // max(rows, 1)
        self._check_share(share, rows)
        signature = self._session.signature
        target = target_of(signature, self._preferred_output, question.output, question.label)
        rng = np.random.default_rng(question.seed)
        started = monotonic()
        with _ended_after(self._max_seconds) as options:
            found = []
            for number in range(rows):
                # Each row may use what the rows before it have left over.
                ends_at = started + self._max_seconds * (number + 1) / rows
                limits = Limits(share, question.tolerance, partial(_is_past, ends_at))
                found.append(self._row(question, number, target, limits, rng, options))
            return found

    def _row(
        self, question: Question, number: int, target: Target, limits: Limits, rng: np.random.Generator, options: Any
    ) -> Explained:
        row = [array[number : number + 1] for array in question.arrays]
        mixer = Mixer(self._session.signature.inputs, row, self._background)
        game = Evaluations(self._session, mixer, self.background_rows, self._most_rows, options)
        try:
            return Explained(game.explains(target), _held(sampled(game, limits, rng)))
        except OutOfTime:
            raise Refusal(
                Kind.TIMED_OUT,
                f"{self._max_seconds:g} s (explain_seconds) were not enough for the first estimate: send fewer rows, or "
                "serve the model with fewer rows of background",
            ) from None

    def _checked_rows(self, question: Question) -> int:
        rows = {len(array) for array in question.arrays}
        if len(rows) != 1:
            raise Refusal(
                Kind.INVALID_TENSOR, "the inputs have different numbers of rows, so there are no rows to explain"
            )
        if max(rows) > MAX_ROWS:
            raise Refusal(
                Kind.MALFORMED, f"{max(rows)} rows came, and one request explains at most {MAX_ROWS}: send several"
            )
        return rows.pop()

    def _check_share(self, share: int, rows: int) -> None:
        features, background = len(self.names), self.background_rows
        least = fewest_evaluations(features, background)
        if rows and least > share:
            raise Refusal(
                Kind.UNEXPLAINABLE,
                f"a row has {features} features, which takes at least {least} evaluations against {background} rows of "
                f"background, and {share} are left for each of {rows} rows: send fewer rows, ship fewer rows of background, or "
                "raise explain_max_evaluations. Images and texts as numbers have too many features to be explained one by one",
            )


def _held(found: Attribution) -> Attribution:
    """The same, if it is made of numbers: JSON has no word for others. Raises `Refusal`."""
    if not np.isfinite([*found.values, *found.standard_errors, found.base_value]).all():
        raise Refusal(
            Kind.UNEXPLAINABLE, "predictions for this row and the background differ by more than a number can hold"
        )
    return found


def _is_past(moment: float) -> bool:
    return monotonic() > moment


@contextmanager
def _ended_after(seconds: float) -> Iterator[Any]:
    """Options for runs that end when the time is over, for a graph may go round for ever."""
    import onnxruntime  # noqa: PLC0415 (0.1 s, not for --help)

    options = onnxruntime.RunOptions()
    timer = threading.Timer(seconds, setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield options
    finally:
        timer.cancel()
