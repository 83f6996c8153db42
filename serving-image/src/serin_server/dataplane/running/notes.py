"""What is learnt and told of every run: metrics, what it cost, what it left in memory, and who looks at its tensors."""

from collections.abc import Callable

from serin_server.dataplane.running.cost import AWAY_SECONDS, Cost
from serin_server.dataplane.running.memory import HighWater
from serin_server.dataplane.running.run import Ran
from serin_server.metrics.server import ServerMetrics
from serin_server.model.tensors import Array

Observe = Callable[[list[Array], list[Array]], None]
"""Is shown inputs and outputs of each run that succeeded, as far as they are clients'."""


class Notes:
    """Takes runs down, on the event loop's thread alone."""

    __slots__ = ("_metrics", "_observe", "cost", "high_water")

    def __init__(self, metrics: ServerMetrics, observe: Observe | None) -> None:
        self._metrics = metrics
        self._observe = observe
        self.cost = Cost()
        self.high_water = HighWater()

    def take(self, ran: Ran, size: int) -> None:
        """Counts a run, learns from it unless its size is 0, and shows it."""
        calls, seconds, arrays, outputs, of_clients = ran
        self._metrics.inference_duration.observe(seconds)
        self._metrics.batch_size.observe(calls)
        if outputs is None:
            return
        if size:
            self.cost.learn(size, seconds)
            if seconds > AWAY_SECONDS or self.high_water.highest:
                self.high_water.ran(size, seconds)
        if self._observe is None:
            return
        if of_clients is None:
            self._observe(arrays, outputs)
            return
        for inputs, answers in of_clients:
            self._observe(inputs, answers)
