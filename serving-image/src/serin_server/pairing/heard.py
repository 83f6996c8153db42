"""What came back from the control, as a value: predictions, a failure of its version, or no answer and why."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from serin_server.feedback.tokens import Forged, TokenSigner
from serin_server.model.predictions import Prediction

_LONGEST_REVISION: Final = 63
_SUCCESS: Final = 200


class Trouble(StrEnum):
    """Why there is no answer; the values of a label."""

    UNREACHABLE = "unreachable"
    """No connection: no such name, nobody there, no TLS that is believed."""
    LATE = "late"
    """No answer within the limit."""
    LOST = "lost"
    """The connection ended before the answer did."""
    UNREADABLE = "unreadable"
    """What came is no answer of a server, or larger than any answer."""
    UNPROVEN = "unproven"
    """An answer that no key of this model signed, or for another question."""
    OTHER_ROWS = "other_rows"
    """As many predictions as rows were asked for did not come."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """The control's prediction for each row."""

    revision: str
    predictions: list[Prediction]


@dataclass(frozen=True, slots=True)
class Failed:
    """The control's version failed on this request, as it would have for any client."""

    revision: str


Heard = Predicted | Failed | Trouble


def heard_in(status: int, body: bytes, question: str, signer: TokenSigner) -> Heard:
    """What an answer says. Believed is what siblings signed for this very question, and nothing else."""
    try:
        claim = signer.read(body.decode("ascii"))
    except (Forged, UnicodeDecodeError):
        return Trouble.UNPROVEN
    if claim.request_id != question or not 0 < len(claim.revision) <= _LONGEST_REVISION:
        return Trouble.UNPROVEN
    return Predicted(claim.revision, claim.predictions) if status == _SUCCESS else Failed(claim.revision)
