"""One inference request on its way through the data plane."""

from collections.abc import Callable
from typing import Any, Final, Protocol

from serin_server.dataplane.trace import Trace
from serin_server.feedback.tokens import ControlPart
from serin_server.metrics.clients import Client
from serin_server.model.tensors import Array
from serin_server.refusals import Refusal

NO_BATCH: Final = -1
_LARGE_ELEMENTS: Final = 64 * 1024


class Pair(Protocol):
    """What another version makes of the same request, told by whoever asks it."""

    def predicted(self, call: "Call", then: Callable[[], None]) -> None:
        """The model has run; `then` answers the client."""

    def refused(self, refusal: Refusal) -> None:
        """There is no prediction."""

    def control_part(self) -> ControlPart | None:
        """What the token says of it."""

    def seconds_waited(self) -> float:
        """How long the answer was kept back for it."""


class Shared:
    """The outputs of a run that several calls shared, a row below the other; `columns` and `raw` are for whoever writes them for all."""

    __slots__ = ("columns", "elements", "outputs", "raw")

    def __init__(self, outputs: list[Array]) -> None:
        self.outputs = outputs
        self.elements = sum([output.size for output in outputs])
        self.columns: Any = None
        self.raw: Any = None


class Call:
    """Inputs, what is wanted of them, and whom to tell. Lives for one request; slots because there are many.

    `arrays` are in the order of the model's inputs; `rows` is their common first dimension, or `NO_BATCH` when they
    have none in common; calls with equal `shapes_key` may share a run. `wanted` are the positions of the outputs asked
    for, None for all; `binary` says for each of them whether it is wanted in raw bytes, None for none of them. `more` are
    inputs that came although they may be left out. `control` is the number of the question where another version asks,
    `pair` what another version makes of the same, `trace` the trace that its client told of.
    """

    __slots__ = (
        "_outputs",
        "arrays",
        "binary",
        "client",
        "control",
        "done",
        "first",
        "id",
        "more",
        "pair",
        "refusal",
        "rows",
        "shapes_key",
        "shared",
        "started",
        "trace",
        "wanted",
    )

    def __init__(self, arrays: list[Array], rows: int, shapes_key: object, request_id: str) -> None:
        self.arrays = arrays
        self.rows = rows
        self.more: dict[str, Array] | None = None
        self.shapes_key = shapes_key
        self.id = request_id
        self.started = 0.0
        self.wanted: list[int] | None = None
        self.binary: list[bool] | None = None
        self._outputs: list[Array] | None = None
        self.shared: Shared | None = None
        """What the run gave that it shared with others, and the first of its own rows in it."""
        self.first = 0
        self.refusal: Refusal | None = None
        self.client: Client | None = None
        self.control = ""
        self.trace: Trace | None = None
        self.pair: Pair | None = None
        self.done: Callable[[Call], None] | None = None

    @property
    def outputs(self) -> list[Array] | None:
        """What the model gave for its rows; None before it ran, and where it raised."""
        shared = self.shared
        if self._outputs is None and shared is not None:
            first, last = self.first, self.first + self.rows
            self._outputs = [output[first:last] for output in shared.outputs]
        return self._outputs

    @outputs.setter
    def outputs(self, outputs: list[Array] | None) -> None:
        self._outputs, self.shared = outputs, None

    def forget(self) -> None:
        """Lets its tensors go: before the memory budget gets back what they were counted with."""
        self.arrays, self.more, self.outputs = [], None, None


def is_large(call: Call) -> bool:
    """Whether writing the answer takes so long that others would notice."""
    shared = call.shared
    if shared is not None and shared.elements <= _LARGE_ELEMENTS:
        return False
    return sum([output.size for output in call.outputs or ()]) > _LARGE_ELEMENTS
