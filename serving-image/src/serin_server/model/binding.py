"""Runs with inputs and outputs bound, for devices: chosen where that is quicker than the plain call.

Which one is depends on the device, its driver and the sizes of the tensors, so it is measured: the first runs of a size
(they are made before the server is ready) take turns, and then the quicker way stays.
"""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import numpy as np

from serin_server.model.tensors import Array

_ROUNDS: Final = 3
_IGNORED: Final = 1
Run = Callable[[Sequence[str], Mapping[str, Array], Any], list[Any]]
"""As ONNX Runtime's own: names of outputs, inputs by name, options of the run."""


class BoundRuns:
    """Runs a session the plain way or with bindings, whichever was quicker for tensors of that size."""

    __slots__ = ("_clock", "_plain", "_raw", "_seconds")

    def __init__(self, raw: Any, plain: Run, clock: Callable[[], float] = perf_counter) -> None:
        self._raw = raw
        self._plain = plain
        self._clock = clock
        self._seconds: dict[int, tuple[list[float], list[float]]] = {}

    def __call__(self, names: Sequence[str], feed: Mapping[str, Array], options: Any) -> list[Any]:
        """The outputs. Several threads may call."""
        power_of_two = sum([array.nbytes for array in feed.values()]).bit_length()
        plain, bound = self._seconds.setdefault(power_of_two, ([], []))
        if len(bound) < _IGNORED + _ROUNDS:
            way, seconds = (self._plain, plain) if len(plain) <= len(bound) else (self._bound, bound)
            started = self._clock()
            outputs = way(names, feed, options)
            seconds.append(self._clock() - started)
            return outputs
        is_quicker = min(bound[_IGNORED:]) < min(plain[_IGNORED:])
        return self._bound(names, feed, options) if is_quicker else self._plain(names, feed, options)

    def _bound(self, names: Sequence[str], feed: Mapping[str, Array], options: Any) -> list[Any]:
        binding = self._raw.io_binding()
        for name, array in feed.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name in names:
            binding.bind_output(name, "cpu")
        self._raw.run_with_iobinding(binding, options)
        return [value.numpy() for value in binding.get_outputs()]
