"""What of a row was counted before: a label and a score of one prediction count once each."""

import msgspec

from serin_server.feedback.rejected import Rejected
from serin_server.feedback.rows import Row
from serin_server.feedback.seen import Seen, SeenLabels


class Once:
    """Remembers labels and scores, as far as `SeenLabels` does."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen = SeenLabels()

    def new_score(self, row: Row, revision: str, *, takes_scores: bool) -> float | None:
        """The score that is to be counted of a row, if any. Raises `Rejected` where nothing of the row is new."""
        score = row.score if takes_scores and row.score is not msgspec.UNSET else None
        key = row.token or (row.id and (revision, row.id))
        if not key:
            return score
        if row.label is msgspec.UNSET:
            _check(self._seen.add((key, row.row, "score"), score), "score")
            return score
        _check(self._seen.add((key, row.row), row.label), "label")
        is_new = score is not None and self._seen.add((key, row.row, "score"), score) is Seen.NEVER
        return score if is_new else None


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
