"""One request and what two versions made of it. Counted when both are known; its client waits at most for the limit."""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from serin_server.dataplane.call import Call
from serin_server.feedback.tokens import MAX_ROWS, ControlPart
from serin_server.model.predictions import Prediction
from serin_server.pairing.heard import Heard, Predicted
from serin_server.refusals import Refusal

if TYPE_CHECKING:
    from serin_server.pairing.pairing import Pairing


class Pair:
    """Waits for both halves: `answered` brings the control's, one of the others the own."""

    __slots__ = ("_heard", "_is_known", "_is_void", "_own", "_pairing", "_then", "_waited", "_waits_since")

    def __init__(self, pairing: "Pairing") -> None:
        self._pairing = pairing
        self._heard: Heard | None = None
        self._own: list[Prediction] | None = None
        self._is_known = False
        self._is_void = False
        self._then: Callable[[], None] | None = None
        self._waits_since = 0.0
        self._waited = 0.0

    # The own half.

    def predicted(self, call: Call, then: Callable[[], None]) -> None:
        """The own version has answered; `then` answers the client, now or when the control's prediction can be told too."""
        own = self._pairing.predictions.read(call.outputs or [])
        self._own, self._is_known = own, True
        if not 0 < len(own) <= MAX_ROWS:
            self._is_void = True
        if self._heard is None and not self._is_void and self._pairing.may_wait:
            self._waits_since = perf_counter()
            self._then = then
            return
        if self._heard is not None:
            self._count()
        then()

    def refused(self, refusal: Refusal) -> None:
        """The own version has failed, or the request was refused for a reason that blames no version."""
        if self._is_known:  # the answer could not be written: that is no fault of a version
            return
        self._is_known = True
        self._is_void = not refusal.kind.is_error
        if self._heard is not None:
            self._count()

    def seconds_waited(self) -> float:
        """How long the client has waited for the control alone; counted once."""
        if not self._waits_since:
            return 0.0
        seconds, self._waits_since = self._waited, 0.0
        self._pairing.book.waits.observe(seconds)
        return seconds

    # The control's.

    def answered(self, heard: Heard) -> None:
        """The control has answered, or will not."""
        self._heard = heard
        if self._is_known:
            self._count()
        self._go_on()

    def drop(self) -> None:
        """The control is the version itself: there is no pair."""
        self._is_void = True
        self._go_on()

    def _go_on(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            self._waited = perf_counter() - self._waits_since  # what writing takes is the own version's
            then()

    def control_part(self) -> ControlPart | None:
        """The control's half of the token."""
        heard, own = self._heard, self._own
        if self._is_void or own is None or not isinstance(heard, Predicted) or len(heard.predictions) != len(own):
            return None
        return ControlPart(heard.revision, heard.predictions)

    def _count(self) -> None:
        if self._heard is not None and not self._is_void:
            self._pairing.book.count(self._own, self._heard)
