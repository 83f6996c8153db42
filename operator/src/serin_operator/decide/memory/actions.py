"""What people asked for lately, and what came of it: a few records, by which the same annotation is recognised as well."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from serin_operator.api.reasons import Outcome
from serin_operator.decide.memory.states import Ended

MOST_RECORDS: Final = 5
LONGEST_REMEMBERED: Final = 256
LONGEST_MESSAGE: Final = 512


class Fate(StrEnum):
    """What came of an action."""

    BEGUN = "Begun"
    """It decides something that has not ended yet."""
    DONE = "Done"
    FAILED = "Failed"
    IGNORED = "Ignored"
    """It could not be understood, or did not apply; nothing was done."""


@dataclass(frozen=True)
class Record:
    """One action."""

    action: str
    """The annotation's value, or its digest where it is longer than status holds."""
    at: datetime
    fate: Fate
    message: str
    by: str | None = None
    """The field manager that wrote the annotation, if that can be told."""
    revision: str | None = None
    """The rollout whose end tells what came of it."""


Records = tuple[Record, ...]
"""Newest first."""


def mark_of(text: str) -> str:
    """What is remembered of an annotation's value: itself, or the digest of one that is longer than status holds."""
    if len(text) <= LONGEST_REMEMBERED:
        return text
    return f"sha256:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"


def is_known(records: Iterable[Record], text: str) -> bool:
    """Whether the action was heard before: GitOps applies an old annotation again for ever."""
    return any(record.action == mark_of(text) for record in records)


def noted(records: Records, record: Record) -> Records:
    """One more record; of too many the oldest goes."""
    return (replace(record, message=record.message[:LONGEST_MESSAGE]), *records)[:MOST_RECORDS]


def concluded(records: Records, ended: Ended) -> Records:
    """What came of the actions that were about a rollout which has ended."""
    good = ended.outcome is Outcome.PROMOTED
    said = f"{ended.candidate.version} {ended.outcome}: {ended.message}"[:LONGEST_MESSAGE]
    fate = Fate.DONE if good else Fate.FAILED
    return tuple(
        replace(r, fate=fate, message=said) if (r.fate, r.revision) == (Fate.BEGUN, ended.candidate.revision) else r
        for r in records
    )
