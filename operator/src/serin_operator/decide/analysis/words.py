"""How people speak about what is counted."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Words:
    """How people speak about the counts: decides only the wording of messages.

    Args:
        key: Names these words in a fingerprint, so that better words do not make evidence begin anew.
        noun: What is counted.
        said: What the share is of.
        tells_good: The share of the good answers is told and not that of the bad.
        scale: The share is the place of a mean in this range, which is told instead.
    """

    key: str
    noun: str
    said: str
    tells_good: bool = False
    scale: tuple[float, float] | None = None

    ERRORS: ClassVar["Words"]
    ACCURACY: ClassVar["Words"]
    SLOW: ClassVar["Words"]


Words.ERRORS = Words("errors", "requests", "errors")
Words.ACCURACY = Words("accuracy", "labels", "right", tells_good=True)
Words.SLOW = Words("slow", "answers", "slow")
