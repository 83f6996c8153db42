"""What a container wrote before it ended, cut to what fits into a sentence."""

from typing import Final

_LONGEST: Final = 200


def last_line(words: str | None) -> str:
    """The last line of a termination message or of the end of a log that says anything."""
    lines = [line.strip() for line in (words or "").splitlines() if line.strip()]
    return lines[-1][:_LONGEST] if lines else ""
