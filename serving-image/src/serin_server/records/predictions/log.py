"""A sample of predictions, and their labels, on their way to a collector: never in the way of an answer.

Whether a prediction is in the sample follows from its token, so that every server finds out by a label whether its prediction
was. What waits is bounded. A batch is sent again until the collector has it for good; what finds no room meanwhile is dropped
and counted.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final

from serin_server.dataplane.call import Call
from serin_server.dataplane.response import TokenMaker
from serin_server.feedback.counter import LabelTaken
from serin_server.metrics.server import Words
from serin_server.records.predictions.lines import LineWriter
from serin_server.records.predictions.ring import Ring
from serin_server.records.predictions.wire import MOST_BATCH_ROWS, place_of, threshold_of
from serin_server.records.sink import NotTaken, Send
from serin_server.records.troubles import Tell, Troubles

MOST_WAITING: Final = 4096
MOST_WAITING_BYTES: Final = 16 << 20
BATCH: Final = 512
BATCH_BYTES: Final = 512 << 10
_ROW_BYTES: Final = BATCH_BYTES // (MOST_BATCH_ROWS // 2)
"""What a row weighs at least, so that a batch has half as many as a collector takes."""
_PAUSE_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 15.0
_METRIC: Final = "serin_prediction_log_records_total"
_WAITING: Final = "serin_prediction_log_waiting_records"
_REFUSED: Final = frozenset(range(400, 500)) - {401, 403, 404, 408, 425, 429}
"""Answers after which the same batch would be refused again. Keys and Services that are not there yet may come."""


class PredictionLog:
    """Takes a share of what is answered, and sends it."""

    part = "prediction_log"

    def __init__(
        self,
        writer: LineWriter,
        send: Send,
        sample: float,
        *,
        tell: Tell | None = None,
        place: Callable[[bytes], int] = place_of,
        pause_seconds: float = _PAUSE_SECONDS,
        again_seconds: float = _AGAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._writer = writer
        self._send = send
        self._threshold = threshold_of(sample)
        self._place = place
        self._pause_seconds = pause_seconds
        self._again_seconds = again_seconds
        self._troubles = Troubles(tell, clock)
        self._waiting: Ring = Ring(MOST_WAITING, MOST_WAITING_BYTES)
        self._is_due = threading.Event()
        self._is_closing = threading.Event()
        self._gives_up_at = float("inf")
        self._clock = clock
        self._name, self._number = uuid.uuid4().hex, 0
        self.outcomes = dict.fromkeys(("acknowledged", "full", "too_large", "refused", "lost"), 0)
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)

    def start(self) -> None:
        """From now on what waits is sent."""
        self._thread.start()

    def watching(self, make: TokenMaker | None) -> TokenMaker:
        """A maker of tokens that lets the log see what it makes them for; empty tokens where none are made."""
        threshold, place, take = self._threshold, self._place, self._take

        def unsigned(call: Call, predicted_at: float) -> bytes:
            if random.getrandbits(32) < threshold:
                take(call, predicted_at, b"")
            return b""

        if make is None:
            return unsigned
        sign = make

        def token(call: Call, predicted_at: float) -> bytes:
            made = sign(call, predicted_at)
            if (place(made) if made else random.getrandbits(32)) < threshold:
                take(call, predicted_at, made)
            return made

        return token

    def label(self, taken: LabelTaken) -> None:
        """A label was taken whose prediction may be in the sample."""
        if self._place(taken.token.encode()) < self._threshold:
            self._put(lambda: self._writer.label(taken))

    def _take(self, call: Call, predicted_at: float, token: bytes) -> None:
        self._put(lambda: self._writer.prediction(call, predicted_at, token or uuid.uuid4().bytes), call.rows)

    def _put(self, write: Callable[[], bytes | None], rows: int = 1) -> None:
        """Lets a line wait. Nothing that is wrong with it is the answer's affair."""
        if self._waiting.is_full:
            self._drop("full", "more is sampled than the collector takes")
            return
        try:
            line = write()
        except Exception as error:  # noqa: BLE001 (a record that cannot be written costs itself alone)
            self._drop("refused", error)
            return
        if line is None:
            self.outcomes["too_large"] += 1
        elif not self._waiting.put(line, rows * _ROW_BYTES):
            self._drop("full", "more is sampled than the collector takes")
        elif self._has_batch():
            self._is_due.set()

    def _has_batch(self) -> bool:
        return len(self._waiting) >= BATCH or self._waiting.weight >= BATCH_BYTES

    def _drop(self, outcome: str, trouble: str | Exception) -> None:
        self.outcomes[outcome] += 1
        self._troubles.tell(trouble, self.outcomes[outcome])

    def close(self, seconds: float = 2.0) -> None:
        """Sends what waits, for a bounded time; what the collector does not have by then is lost."""
        self._gives_up_at = self._clock() + seconds
        self._is_closing.set()
        self._is_due.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        self.outcomes["lost"] += len(self._waiting)

    def tell(self, words: Words) -> None:
        """Adds what became of the sample to a scrape."""
        words.head(_METRIC, "counter")
        for outcome, count in self.outcomes.items():
            words.sample(_METRIC, {"outcome": outcome}, count)
        words.gauge(_WAITING, len(self._waiting))

    # In the thread.

    def _work(self) -> None:
        """Whole batches as soon as they are there, and once in a while what there is: small ones cost as much as large ones."""
        while not self._is_closing.is_set():
            is_whole = self._is_due.wait(self._pause_seconds)
            self._is_due.clear()
            while self._has_batch():
                self._deliver(self._waiting.take(BATCH, BATCH_BYTES))
            if not is_whole and len(self._waiting):
                self._deliver(self._waiting.take(BATCH, BATCH_BYTES))
        while lines := self._waiting.take(BATCH, BATCH_BYTES):
            self._deliver(lines)

    def _deliver(self, lines: list[bytes]) -> None:
        """Sends a batch until the collector has it, refuses it, or nobody waits any more."""
        self._number += 1
        body = b"\n".join([self._writer.head(f"{self._name}-{self._number:x}"), *lines])
        pause = self._again_seconds
        while True:
            try:
                self._send(body)
            except Exception as error:  # noqa: BLE001 (whatever a collector does, it is tried again or the next batch is)
                dropped = sum(self.outcomes.values()) - self.outcomes["acknowledged"]
                self._troubles.tell(error, dropped)
                if isinstance(error, NotTaken) and error.status in _REFUSED:
                    self.outcomes["refused"] += len(lines)
                    return
            else:
                self.outcomes["acknowledged"] += len(lines)
                return
            if self._clock() + pause >= self._gives_up_at:
                self.outcomes["lost"] += len(lines)
                return
            self._is_closing.wait(pause) if not self._is_closing.is_set() else time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
