"""What of a row was counted before: a label and a score of one prediction count once each."""

from typing import NamedTuple

import msgspec

from serin_server.feedback.rejected import Rejected
from serin_server.feedback.rows import Row
from serin_server.feedback.seen import Seen, SeenLabels


class New(NamedTuple):
    """What of a row is to be counted."""

    score: float | None
    has_label: bool


class Once:
    """Remembers labels and scores, as far as `SeenLabels` does."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = SeenLabels()

    def new_of(self, row: Row, revision: str, *, takes_scores: bool) -> New:
        """What of a row was not told before. Raises `Rejected` where that is nothing, or another label than before."""
        score = row.score if takes_scores and row.score is not msgspec.UNSET else None
        key = row.token or (row.id and (revision, row.id))
        if not key:
            return New(score, has_label=row.label is not msgspec.UNSET)
        if row.label is msgspec.UNSET:
            _check(self._seen.add((key, row.row, "score"), score), "score")
            return New(score, has_label=False)
        seen = self._seen.add((key, row.row), row.label)
        if seen is Seen.OTHER:
            _check(seen, "label")
        is_new = score is not None and self._seen.add((key, row.row, "score"), score) is Seen.NEVER
        if not is_new:
            _check(seen, "label")
        return New(score if is_new else None, has_label=seen is Seen.NEVER)


def _check(seen: Seen, what: str) -> None:
    match seen:
        case Seen.SAME:
            raise Rejected("duplicate", f"the {what} of this prediction was counted before")
        case Seen.OTHER:
            raise Rejected(
                "corrected",
                f"another {what} of this prediction was counted before, and what was counted is not taken back:"
                f" send {what}s once they are final",
            )
        case Seen.NEVER:
            pass
