"""The mark by which one version of a model knows the questions of another from those of clients.

A mark is a sealed time (see `tokens`), believed for a minute. Only who holds the key of this model's feedback can make
one, so nobody else can take their traffic out of the metrics, nor come in without credentials. A mark is not for one
request alone: that a control's answer belongs to a question is said by the number of the question, which the answer signs.
"""

from collections.abc import Callable
from time import time
from typing import Final

from serin_server.feedback.tokens import Forged, TokenSigner

HEADER: Final = b"x-serin-control"
"""`<mark> <number of the question>`."""
_BELIEVED_SECONDS: Final = 60.0
_MADE_ANEW_SECONDS: Final = 10.0
_PURPOSE: Final = b"control "
_LONGEST: Final = 512
_MOST_REMEMBERED: Final = 64


class Marks:
    """Makes and believes marks; both cost next to nothing, since a mark serves for many questions."""

    __slots__ = ("_believed", "_clock", "_made", "_made_at", "_signer")

    def __init__(self, signer: TokenSigner, clock: Callable[[], float] = time) -> None:
        self._signer = signer
        self._clock = clock
        self._made, self._made_at = b"", -_BELIEVED_SECONDS
        self._believed: dict[bytes, float] = {}

    def mark(self) -> bytes:
        """The mark of a question that is asked now."""
        now = self._clock()
        if not 0 <= now - self._made_at < _MADE_ANEW_SECONDS:
            self._made, self._made_at = self._signer.sealed(_PURPOSE + b"%d" % now), now
        return self._made

    def question(self, header: bytes) -> str:
        """The number of the question that a header marks; empty when the mark is none, too old, or forged."""
        mark, _, number = header.partition(b" ")
        if not number or len(header) > _LONGEST or not self._is_genuine(mark):
            return ""
        return number.decode("ascii", "replace")

    def _is_genuine(self, mark: bytes) -> bool:
        now = self._clock()
        if (until := self._believed.get(mark)) is not None:
            return now < until
        try:
            purpose, _, made_at = self._signer.opened(mark.decode("ascii", "replace")).partition(b" ")
        except Forged:
            return False
        if purpose + b" " != _PURPOSE or not made_at.isdigit() or abs(now - int(made_at)) > _BELIEVED_SECONDS:
            return False
        if len(self._believed) >= _MOST_REMEMBERED:
            self._believed.clear()
        self._believed[mark] = int(made_at) + _BELIEVED_SECONDS
        return True
