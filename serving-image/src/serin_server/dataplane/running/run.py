"""One run of the model for a batch: its inputs put together, its outputs cut apart.

A batch that raises is repeated call by call, so a bad request fails alone. Nothing here knows of the event loop: it is
the same on the loop's thread and on another.
"""

import re
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np

from serin_server.dataplane.call import Call, Shared
from serin_server.dataplane.running.sizes import Sizes, filled
from serin_server.dataplane.running.waiting import Batch
from serin_server.failures import one_line
from serin_server.model.session import Session
from serin_server.model.tensors import Array
from serin_server.model.warmup import REFUSALS_OF_VALUES
from serin_server.refusals import Kind, Refusal

_RAISED_AT: Final = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : Non-zero status code returned while running (\w{1,100}) node\. Name:'([^']{0,200})'"
)


class Ran(NamedTuple):
    """What became of a run: how many calls shared it, seconds, inputs and outputs (None when the model raised).

    `of_clients` are the inputs and outputs of clients alone where another version's questions shared the run; None: all are.
    """

    calls: int
    seconds: float
    arrays: list[Array]
    outputs: list[Array] | None
    of_clients: Sequence[tuple[list[Array], list[Array]]] | None = None


class NotByRow(Exception):
    """The outputs have another number of rows than the inputs, so nobody knows whose they are."""


class Runner:
    """Runs batches in one session, padded to fixed sizes where there are such."""

    __slots__ = ("_has_sizes", "_names", "_session", "_sizes")

    def __init__(self, session: Session, sizes: Sizes) -> None:
        self._session = session
        self._sizes = sizes
        self._has_sizes = bool(sizes)
        self._names = [spec.name for spec in session.signature.inputs]

    def run(self, batch: Batch, *, gives_back: bool = False) -> list[Ran]:
        """Puts outputs or a refusal into every call of a batch; each run that was made for it.

        `gives_back`: ONNX Runtime is to return memory of its arena that this run leaves unused.
        """
        calls = batch.calls
        if len(calls) == 1:
            return [self.alone(calls[0], gives_back=gives_back)]
        started = perf_counter()
        try:
            way = self._padded if self._has_sizes and batch.rows else self._joined
            arrays, outputs = way(calls, batch.rows, gives_back=gives_back)
        except Exception:  # noqa: BLE001 (one of them is bad: each runs alone and fails alone)
            return [self.alone(call) for call in calls]
        seconds = perf_counter() - started
        shared, first = Shared(outputs), 0
        for call in calls:
            call.shared, call.first = shared, first
            first += call.rows
        return [Ran(len(calls), seconds, arrays, outputs, _of_clients(calls))]

    def alone(self, call: Call, *, gives_back: bool = False) -> Ran:
        """Puts outputs or a refusal into one call that shares its run with nobody."""
        started = perf_counter()
        try:
            if self._has_sizes and call.rows > 0 and call.rows not in self._sizes:
                outputs = self._resized(call, gives_back=gives_back)
            elif gives_back or call.more is not None:
                outputs = self._fed(call.arrays, call.more, gives_back=gives_back)
            else:
                outputs = self._session.run(dict(zip(self._names, call.arrays, strict=True)))
        except Exception as error:  # noqa: BLE001 (whatever the model raises belongs to this call)
            call.refusal = refusal_of(error)
            return Ran(1, perf_counter() - started, call.arrays, None)
        call.outputs = outputs
        return Ran(1, perf_counter() - started, call.arrays, outputs, () if call.control else None)

    def _resized(self, call: Call, *, gives_back: bool) -> list[Array]:
        try:
            return self._padded([call], call.rows, gives_back=gives_back)[1]
        except NotByRow:
            return self._fed(call.arrays, gives_back=gives_back)

    def _joined(self, calls: Sequence[Call], rows: int, *, gives_back: bool) -> tuple[list[Array], list[Array]]:
        """Inputs and outputs of some calls, which have so many rows in all."""
        arrays = [np.concatenate([call.arrays[position] for call in calls]) for position, _ in enumerate(self._names)]
        outputs = self._fed(arrays, gives_back=gives_back)
        if not all([len(output) == rows for output in outputs]):
            raise NotByRow
        return arrays, outputs

    def _padded(self, calls: Sequence[Call], rows: int, *, gives_back: bool) -> tuple[list[Array], list[Array]]:
        """The same, run in fixed sizes; what the rows were filled up with is cut off again."""
        padded = self._sizes.holding(rows)
        pieces = self._sizes.pieces(padded)
        arrays = [filled([call.arrays[position] for call in calls], padded) for position, _ in enumerate(self._names)]
        found = [self._fed([array[a:b] for array in arrays], gives_back=gives_back) for a, b in pieces]
        for (first, last), outputs in zip(pieces, found, strict=True):
            if any([len(output) != last - first for output in outputs]):
                raise NotByRow
        whole = found[0] if len(found) == 1 else [np.concatenate(parts) for parts in zip(*found, strict=True)]
        return [array[:rows] for array in arrays], [output[:rows] for output in whole]

    def _fed(
        self, arrays: Sequence[Array], more: Mapping[str, Array] | None = None, *, gives_back: bool
    ) -> list[Array]:
        feed = dict(zip(self._names, arrays, strict=True))
        if more is not None:
            feed.update(more)
        return self._session.run_and_give_back(feed) if gives_back else self._session.run(feed)


def _of_clients(calls: Sequence[Call]) -> Sequence[tuple[list[Array], list[Array]]] | None:
    if not any([call.control for call in calls]):
        return None
    return [(call.arrays, call.outputs or []) for call in calls if not call.control]


def refusal_of(error: Exception) -> Refusal:
    """What a model's exception means to its client: values that it cannot take, or a failure of its own.

    Both count as errors of the version; only the status differs.
    """
    kind = Kind.INVALID_TENSOR if type(error).__name__ in REFUSALS_OF_VALUES else Kind.MODEL_FAILED
    at = _RAISED_AT.match(str(error))  # what stands behind it may quote values
    where = f" in the {at[1]} node {at[2]!r}" if at else ""
    return Refusal(
        kind, f"the model raised on these inputs: {one_line(error)}", f"the model raised {type(error).__name__}{where}"
    )
