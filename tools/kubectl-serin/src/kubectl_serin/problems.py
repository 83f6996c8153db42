"""What can go wrong, as a sentence, a way out and an exit code."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, for scripts and CI. 2 is argparse's: it could not understand the command."""

    DONE = 0
    NO = 1
    """The answer is no: rolled back, refused, mistakes were found."""
    LATE = 3
    """It has not come in time."""
    ABSENT = 4
    """There is no such object, or no Serin in this cluster."""
    FORBIDDEN = 5
    UNREACHABLE = 6


MEANINGS = {
    Exit.DONE: "done; the answer is yes",
    Exit.NO: "the answer is no: rolled back, refused, mistakes found",
    2: "the command was not understood",
    Exit.LATE: "it did not come in time, or is still under way",
    Exit.ABSENT: "there is no such object, or no Serin in this cluster",
    Exit.FORBIDDEN: "you may not",
    Exit.UNREACHABLE: "the cluster, or a program that is needed, cannot be reached",
}


class Problem(Exception):
    """A command cannot answer.

    Args:
        says: What is wrong, with the name in it.
        way_out: What a person can do.
        exit_code: How the program ends.
    """

    def __init__(self, says: str, way_out: str, exit_code: Exit = Exit.NO) -> None:
        super().__init__(says)
        self.way_out = way_out
        self.exit_code = exit_code
