"""What people stopped by an annotation, until somebody lets it go: a pause, and a version that is held after a rollback."""

from dataclasses import dataclass
from datetime import datetime

from serin_operator.api.names import ANNOTATION_ACTION
from serin_operator.decide.timestamps import stamp


@dataclass(frozen=True)
class Pause:
    """No step and no promotion, as with ``spec.paused``."""

    since: datetime
    by: str | None = None
    """Who wrote the annotation, as far as managedFields tell."""

    @property
    def told(self) -> str:
        """For people, with the way out."""
        return (
            f"a pause{signed(self.by)} since {stamp(self.since)} (lift it with {ANNOTATION_ACTION}=resume@<a new word>)"
        )


@dataclass(frozen=True)
class Hold:
    """A version that a person, or a guard, went back to: wanted instead of the spec's, until the spec names another one or somebody resumes."""

    revision: str
    version: str
    instead_of: str
    """The spec's revision at that time; once the spec makes another one, nothing is held any more."""
    since: datetime
    by: str | None = None
    guard_of: str | None = None
    """The version whose guard failed, where that goes back and no person."""

    @property
    def told(self) -> str:
        """For people: who holds it, and since when."""
        who = f"the guard of {self.guard_of}" if self.guard_of else f"rollback={self.version}{signed(self.by)}"
        return f"{who} at {stamp(self.since)}"

    @property
    def why(self) -> str:
        """For people: why it comes back."""
        return f"the guard of {self.guard_of} failed" if self.guard_of else "a person went back to it"


def signed(by: str | None) -> str:
    """Who it was, as an end of a phrase."""
    return f" by {by}" if by else ""
