"""Predictions for mixed rows, in runs that are short enough for others to come between."""

from collections.abc import Sequence
from time import thread_time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serin_server.dataplane.running.run import refusal_of
from serin_server.explaining.mixing import Mixer
from serin_server.explaining.shapley import Numbers, OutOfTime
from serin_server.explaining.targets import Target
from serin_server.model.session import Session
from serin_server.model.tensors import Array

_RUN_SECONDS: Final = 0.0005
"""How long a run may take before the next has fewer rows: the interpreter is given up in every run."""
_FIRST_ROWS: Final = 16
_MOST_ELEMENTS: Final = 64 * 1024


class Evaluations:
    """A game whose coalitions are worth what the model predicts for them."""

    def __init__(self, session: Session, mixer: Mixer, background: int, most_rows: int, options: Any) -> None:
        """`most_rows` share a run: 1 where rows influence one another. `options` are those of each run, which may end it."""
        self.features = mixer.features
        self.background = background
        self._session = session
        self._mixer = mixer
        self._options = options
        self._most_rows = max(1, min(most_rows, _MOST_ELEMENTS // mixer.features))
        self._rows = min(_FIRST_ROWS, self._most_rows)
        self._target: Target | None = None

    def explains(self, target: Target) -> Target:
        """Says which number of the outputs is meant, and what it is for the row itself."""
        outputs = self._outputs(np.ones((1, self.features), dtype=bool), np.zeros(1, dtype=np.int64))
        self._target = target.of_row(outputs)
        return self._target

    def at_a_time(self) -> int:
        """So many rows as the runs before have shown to be quick."""
        return self._rows

    def values(self, masks: NDArray[np.bool_], rows: NDArray[np.int64]) -> Numbers:
        """The predictions. Raises `Refusal` when the model raises, and `OutOfTime` when its run was ended."""
        started = (
            thread_time()
        )  # what it waits for the interpreter is not its own: shorter runs would only ask for it more often
        outputs = self._outputs(masks, rows)
        seconds = thread_time() - started
        if seconds > _RUN_SECONDS:
            self._rows = max(1, self._rows // 2)
        elif seconds < _RUN_SECONDS / 3 and len(masks) == self._rows:
            self._rows = min(2 * self._rows, self._most_rows)
        return _read(self._target, outputs, len(masks))

    def _outputs(self, masks: NDArray[np.bool_], rows: NDArray[np.int64]) -> Sequence[Array]:
        try:
            return self._session.run(self._mixer.feed(masks, rows), None, self._options)
        except Exception as error:
            if self._options.terminate:
                raise OutOfTime from error
            raise refusal_of(error) from None


def _read(target: Target | None, outputs: Sequence[Array], rows: int) -> Numbers:
    if target is None:
        raise AssertionError("a game is played for a target")
    return target.read(outputs, rows)
