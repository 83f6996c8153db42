"""Counts pairs: whether two versions predicted the same, how far apart they were, and who of them failed."""

from typing import Final

from serin_server.metrics.instruments import LATENCY_BOUNDS, Counter, Histogram
from serin_server.metrics.server import ERROR_BOUNDS, Words
from serin_server.model.predictions import Prediction
from serin_server.pairing.heard import Failed, Heard, Predicted, Trouble

_FARTHEST: Final = 1e290
_MOST_CLASSES: Final = 32
_LONGEST_CLASS: Final = 60
OTHER: Final = "other"
Own = list[Prediction] | None
"""The own prediction for each row; None when the own version failed."""


class PairBook:
    """All counts of pairs of one process."""

    part = "pairs"

    def __init__(self, *, is_regression: bool, tolerance: float) -> None:
        self._is_regression = is_regression
        self._tolerance = tolerance
        self._classes: set[str] = set()
        self.control_revision = ""
        """That which answered last; empty until one has."""
        self.pairs = Counter(("control_revision", "outcome"))
        self.errors = Counter(("control_revision", "outcome"))
        self.by_prediction = Counter(("control_revision", "prediction", "answered"))
        self.troubles = Counter(("reason",), [(str(trouble),) for trouble in Trouble])
        self.distances: dict[str, Histogram] = {}
        self.waits = Histogram(LATENCY_BOUNDS)

    def count(self, own: Own, heard: Heard) -> None:
        """Counts one question: its failures, and a pair for each row."""
        match heard:
            case Trouble():
                self._unanswered(own, heard)
            case Failed(revision):
                self.control_revision = revision
                self.errors.add(revision, "both_failed" if own is None else "only_control_failed")
            case Predicted(revision, predictions):
                self.control_revision = revision
                if own is None:
                    self.errors.add(revision, "only_canary_failed")
                elif len(own) != len(predictions):
                    self._unanswered(own, Trouble.OTHER_ROWS)
                else:
                    self.errors.add(revision, "neither_failed")
                    for one, other in zip(own, predictions, strict=True):
                        self._compare(revision, one, other)

    def _unanswered(self, own: Own, trouble: Trouble) -> None:
        self.troubles.add(str(trouble))
        revision = self.control_revision
        self.errors.add(revision, "no_answer")
        for prediction in own or ():
            self.pairs.add(revision, "no_answer")
            self._by_prediction(revision, prediction, "false")

    def _compare(self, revision: str, one: Prediction, other: Prediction) -> None:
        if self._is_regression and not isinstance(one, str) and not isinstance(other, str):
            distance = float(abs(one - other))
            if distance < _FARTHEST:  # a sum that has become infinite, or no number, stays so for good
                self.distances.setdefault(revision, Histogram(ERROR_BOUNDS)).observe(distance)
            is_same = distance <= self._tolerance
        else:
            is_same = one == other
        self.pairs.add(revision, "agree" if is_same else "disagree")
        self._by_prediction(revision, one, "true")

    def _by_prediction(self, revision: str, prediction: Prediction, answered: str) -> None:
        """Whether questions are answered as often for one class as for another: pairs that are not are no sample."""
        if self._is_regression:
            return
        name = str(prediction)
        if name not in self._classes:
            name = name[:_LONGEST_CLASS]
        if name not in self._classes:
            if len(self._classes) >= _MOST_CLASSES:
                name = OTHER
            else:
                self._classes.add(name)
        self.by_prediction.add(revision, name, answered)

    def tell(self, words: Words) -> None:
        """Adds every sample."""
        words.counter("serin_pairs_total", self.pairs)
        words.counter("serin_error_pairs_total", self.errors)
        words.counter("serin_pair_answers_total", self.by_prediction)
        words.counter("serin_pair_troubles_total", self.troubles)
        if self.distances:
            words.head("serin_pair_distance", "histogram")
            for revision, histogram in self.distances.items():
                words.buckets("serin_pair_distance", histogram, {"control_revision": revision})
        words.histogram("serin_pair_wait_seconds", self.waits)
