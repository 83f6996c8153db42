"""The metrics of several models in one process: each model's under its own name, what they share once, under the pack's."""

from collections.abc import Sequence

from serin_server.metrics.merge import merged
from serin_server.metrics.server import ServerMetrics, Words


class MemberMetrics(ServerMetrics):
    """Counts of one model, without what belongs to the process."""

    def _tell_process(self, words: Words) -> None:
        """The process tells of itself."""


class FrontMetrics(ServerMetrics):
    """Counts of a port that several models share: of what never reached one of them."""

    def _tell_requests(self, words: Words) -> None:
        words.counter("serin_requests_rejected_total", self.rejected)

    def _tell_feedback(self, words: Words) -> None:
        """Labels are those of models."""


class PackMetrics:
    """All of them in one exposition."""

    def __init__(self, front: ServerMetrics, members: Sequence[ServerMetrics]) -> None:
        self._told = (front, *members)

    def exposition(self) -> bytes:
        """Everything in the text format of Prometheus, each metric once with the series of every model."""
        return merged([each.exposition().decode(errors="replace") for each in self._told]).encode(errors="replace")
