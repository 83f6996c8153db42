"""Counts the scores of predictions, by the revision that made them and by their age."""

from collections.abc import Callable, Collection, Sequence
from random import random

from serin_server.metrics.clients import WINDOW_SECONDS, ClientSums
from serin_server.metrics.instruments import Counter
from serin_server.metrics.server import SCORE_LABELS, SCORE_SLICE_LABELS, ServerMetrics
from serin_server.scoring import Of, Score


class ScoreCounter:
    """Counts every score that is asked for; one coin a score and prediction."""

    __slots__ = ("_coin", "_metrics", "_scores", "come_with_labels")

    def __init__(self, metrics: ServerMetrics, scores: Sequence[Score], coin: Callable[[], float] = random) -> None:
        self._metrics = metrics
        self._scores = tuple(scores)
        self._coin = coin
        self.come_with_labels = any(one.of is Of.LABEL for one in scores)
        """Whether rows of feedback are asked for scores."""

    def count(
        self,
        revision: str,
        age_le: str,
        *,
        told: float | None,
        off_by: float | None,
        client: int,
        now: float,
        slices: Collection[tuple[str, str]] = (),
    ) -> None:
        """Counts what is known of one prediction.

        Args:
            revision: That made it.
            age_le: Upper bound of its age.
            told: The score that came with its label.
            off_by: How far it was from its label, of a regression.
            client: A number that stands for who asked; 0 for unknown.
            now: Unix seconds.
            slices: In which it lies, by what is sliced by.
        """
        for score in self._scores:
            value = score.value(told, off_by)
            if value is None:
                continue
            outcome = score.outcome(value, self._coin)
            counter = self._metrics.scores.setdefault(revision, Counter(SCORE_LABELS))
            counter.add(score.of.value, score.between, age_le, outcome)
            if slices:
                sliced = self._metrics.sliced_scores.setdefault(revision, Counter(SCORE_SLICE_LABELS))
                for by, name in slices:
                    sliced.add(score.of.value, score.between, by, name, age_le, outcome)
            if client:
                key = revision, score.of.value, score.between
                clients = self._metrics.score_clients.setdefault(key, ClientSums())
                clients.window = int(now / WINDOW_SECONDS)
                clients.count(clients.numbered(client), int(outcome in ("high", "above")))
