"""Asks the control what clients ask: draws the sample, sends the question, believes what siblings signed."""

import itertools
import secrets
from collections.abc import Callable
from functools import partial
from typing import Final

from serin_server.feedback.marks import HEADER, Marks
from serin_server.feedback.tokens import TokenSigner
from serin_server.model.predictions import PredictionReader
from serin_server.pairing.book import PairBook
from serin_server.pairing.connection import Came
from serin_server.pairing.heard import Heard, Trouble, heard_in
from serin_server.pairing.line import Line
from serin_server.pairing.pair import Pair
from serin_server.pairing.patience import Patience

Tell = Callable[[str, str], None]
"""Is told a kind of trouble and the revision that answered last."""
_NUMBERS_FROM: Final = 1


class Pairing:
    """One for a process. Nothing here raises, and nothing waits for it but clients for their token.

    Args:
        line: To the control.
        head: Of every question: request line and host.
        patience: When it asks.
        predictions: Where the own predictions stand.
        book: Where pairs are counted.
        signer: Whose signatures are believed.
        revision: The own one.
        max_bytes: The largest body that is asked again.
    """

    def __init__(
        self,
        line: Line,
        head: bytes,
        patience: Patience,
        predictions: PredictionReader,
        book: PairBook,
        signer: TokenSigner,
        *,
        revision: str,
        max_bytes: int,
        clock: Callable[[], float],
        tell: Tell,
    ) -> None:
        self._line = line
        self._head = head
        self._patience = patience
        self.predictions = predictions
        self.book = book
        self._signer = signer
        self._marks = Marks(signer)
        self._revision = revision
        self._max_bytes = max_bytes
        self._clock = clock
        self._tell = tell
        self._open = 0
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(_NUMBERS_FROM)

    @property
    def may_wait(self) -> bool:
        """Whether a client may wait for the control: it answered the question before, and there is a prediction to tell."""
        return self._patience.is_trusted and self.predictions.position is not None

    def draws(self, size: int) -> bool:
        """Whether a request of so many bytes belongs to the sample. Asked of each request, before the model is."""
        self._line.begin_turn()
        return self._patience.is_drawn() and size <= self._max_bytes

    def ask(self, body: bytes | bytearray, json_length: bytes | None = None) -> Pair | None:
        """Asks what the body of an inference asks; None when this is no time to ask.

        A control that is not known to answer has one question at a time.
        """
        if (self._open and not self._patience.is_trusted) or not self._patience.may_ask(self._clock()):
            return None
        number = f"{self._prefix}-{next(self._numbers):x}"
        length = b"" if json_length is None else b"inference-header-content-length: %b\r\n" % json_length
        head = b"%b%b: %b %b\r\n%bcontent-length: %d\r\n\r\n" % (
            self._head, HEADER, self._marks.mark(), number.encode(), length, len(body),
        )  # fmt: skip
        question = b"".join((head, body))
        pair = Pair(self)
        if not self._line.ask(question, partial(self._heard, pair, number)):
            return None
        self._open += 1
        return pair

    def close(self) -> None:
        """Asks nobody any more."""
        self._line.close()

    def _heard(self, pair: Pair, number: str, came: Came | Trouble) -> None:
        self._open -= 1
        heard: Heard = came if isinstance(came, Trouble) else heard_in(*came, number, self._signer)
        if isinstance(heard, Trouble):
            self._patience.troubled(self._clock())
            self._tell(str(heard), self.book.control_revision)
        elif heard.revision == self._revision:
            self._patience.met_itself(self._clock())
            pair.drop()
            return
        else:
            self._patience.answered()
        pair.answered(heard)
