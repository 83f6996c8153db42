"""LSTM, GRU and RNN: the batch is axis 1 of their sequences, or axis 0 with `layout` 1; time is never the rows."""

from collections.abc import Mapping, Sequence
from typing import Final

from serin_server.model.rows.sizes import Size
from serin_server.model.rows.states import NotProven, Reason, Rows, State
from serin_server.model.rows.step import Rule, Step, only_rows


def recurrent(step: Step) -> Sequence[State]:
    """Each row is a sequence of its own; weights are constants."""
    is_batch_first = step.integer("layout", 0) == 1
    sequence = only_rows(step, 0, 0 if is_batch_first else 1, 3)
    step.all_fixed(1, 2, 3, 7)
    rows = sequence.size
    for position, axis, rank in ((4, 0, 1), (5, 0 if is_batch_first else 1, 3), (6, 0 if is_batch_first else 1, 3)):
        if not step.has(position):
            continue
        if not isinstance(step.given(position), Rows):
            raise NotProven(Reason.POSITION_MATTERS, "begins with a state that differs by the place in the batch")
        if only_rows(step, position, axis, rank).size != rows:
            raise NotProven(Reason.ROWS_MIX, "begins with a state of other rows")
    directions = Size(2 if step.text("direction", "forward") == "bidirectional" else 1)
    hidden = step.integer("hidden_size", 0)
    width = Size(hidden) if hidden else step.size()
    time = sequence.sizes[1 if is_batch_first else 0]
    if is_batch_first:
        last = Rows(0, (rows, directions, width))
        return [Rows(0, (rows, time, directions, width)), last, last]
    last = Rows(1, (directions, rows, width))
    return [Rows(2, (time, directions, rows, width)), last, last]


RULES: Final[Mapping[tuple[str, str], Rule]] = {("", operator): recurrent for operator in ("LSTM", "GRU", "RNN")}
