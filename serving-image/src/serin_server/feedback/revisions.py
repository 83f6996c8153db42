"""Whose labels are told: revisions that are proven always, others as far as there is room.

Whoever may send unsigned feedback can make revisions up, and a pod cannot know the names of those that come after its own.
So a name that nothing proves gets a place by how often it was heard of lately, as in "SpaceSaving" (Metwally, Agrawal,
El Abbadi, 2005): a new name takes the place of the one with the least weight and inherits that weight. Thus a newcomer
always gets in, and one that is heard of as often as the others stays. A weight grows by one a second at most and halves
every ten minutes, so neither a flood of labels nor a past one holds a place.

What loses its place is set aside with its counts and goes on where it was when it comes back: a series may vanish for a
while and never goes back. Of too many that are set aside those with the fewest labels are forgotten.
"""

from typing import Final

from serin_server.metrics.instruments import Counter, Histogram
from serin_server.metrics.server import ServerMetrics

MOST_TOLD: Final = 64
MOST_ASIDE: Final = 1024
_HALVING_SECONDS: Final = 600.0
_MOST_HALVINGS: Final = 64


class _Aside:
    """The counts of a revision that has no place."""

    __slots__ = ("counts", "errors", "labels", "more")

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], float] = {}
        self.errors: dict[tuple[str, str], Histogram] = {}
        self.more: list[Counter | None] = []
        """What is counted by revision, in its order."""
        self.labels = 0.0


class _Place:
    """When a revision was last heard of, and the ages that it has counts for."""

    __slots__ = ("ages", "heard_at")

    def __init__(self, heard_at: int, ages: set[str]) -> None:
        self.heard_at = heard_at
        self.ages = ages


class ToldRevisions:
    """Keeps the series of feedback within bounds."""

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics
        self._by_revision = (
            metrics.sliced_feedback,
            metrics.sliced_errors,
            metrics.sliced_scores,
            metrics.scores,
        )
        self._proven = {key[0] for key in metrics.feedback.values}
        self._weights: dict[str, int] = {}
        self._places: dict[str, _Place] = {}
        self._aside: dict[str, _Aside] = {}
        self._halved_at = 0.0

    def make_room(self, revision: str, age_le: str, now: float, *, is_proven: bool) -> None:
        """A label of this revision, for a prediction of this age, is about to be counted."""
        if revision in self._proven:
            return
        if is_proven:
            self._proven.add(revision)
            self._weights.pop(revision, None)
            self._places.pop(revision, None)
            self._bring_back(revision)
            return
        if now - self._halved_at > _HALVING_SECONDS:
            self._halve(now)
        second = int(now)
        place = self._places.get(revision)
        if place is None:
            self._weights[revision] = self._freed_weight() + 1
            self._places[revision] = _Place(second, {age_le, *self._bring_back(revision)})
            return
        place.ages.add(age_le)
        if place.heard_at != second:
            place.heard_at = second
            self._weights[revision] += 1

    def _halve(self, now: float) -> None:
        halvings = min(int((now - self._halved_at) / _HALVING_SECONDS), _MOST_HALVINGS)
        self._halved_at = now
        self._weights = {name: weight >> halvings for name, weight in self._weights.items()}

    def _freed_weight(self) -> int:
        if len(self._weights) < MOST_TOLD:
            return 0
        least = min(self._weights, key=self._weights.__getitem__)
        self._set_aside(least, self._places.pop(least).ages)
        return self._weights.pop(least)

    def _set_aside(self, revision: str, ages: set[str]) -> None:
        counts, errors, aside = self._metrics.feedback.values, self._metrics.feedback_errors, _Aside()
        if (scores := self._metrics.scores.get(revision)) is not None:
            aside.labels += sum(scores.values.values())
        aside.more = [counters.pop(revision, None) for counters in self._by_revision]
        for age_le in ages:
            for key in ((revision, age_le, "correct"), (revision, age_le, "wrong")):
                if key in counts:
                    aside.counts[key] = counts.pop(key)
                    aside.labels += aside.counts[key]
            if (revision, age_le) in errors:
                aside.errors[revision, age_le] = errors.pop((revision, age_le))
        if len(self._aside) >= MOST_ASIDE:
            most = sorted(self._aside.items(), key=lambda each: each[1].labels, reverse=True)
            self._aside = dict(most[: MOST_ASIDE // 2])
        self._aside[revision] = aside

    def _bring_back(self, revision: str) -> set[str]:
        """Goes on with the counts that were set aside; the ages that they are for."""
        aside = self._aside.pop(revision, None)
        if aside is None:
            return set()
        self._metrics.feedback.values.update(aside.counts)
        self._metrics.feedback_errors.update(aside.errors)
        for counters, counter in zip(self._by_revision, aside.more, strict=True):
            if counter is not None:
                counters[revision] = counter
        return {key[1] for key in aside.counts}
