"""What keeps a page from being shown, in a person's words."""

from dataclasses import dataclass


@dataclass
class Problem(Exception):
    """A sentence, a way out, and the status of the answer."""

    says: str
    way_out: str
    status: int = 502

    def __str__(self) -> str:
        """The sentence."""
        return self.says


class Unknown(Problem):
    """Nobody knows who asks: they are shown the door."""
