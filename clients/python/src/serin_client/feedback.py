"""The whole client: remember a prediction, label it when the truth is known, send what waits."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serin_client.sender import NotTaken, Sender
from serin_client.store import Label, Store

MOST_ROWS = 1000
_LEASE_SECONDS = 120.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 300.0
_DAY = 86_400.0


@dataclass
class Outcome:
    """What came of sending."""

    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    """Rows that the server never takes, each with ``reason`` and ``error``; they are not sent again."""
    waiting: int = 0
    """Labels that are kept: their server was not there, or their prediction is not known yet."""


class Feedback:
    """Labels for the predictions of one model.

    Args:
        model: Address of the model, ``http://host/v2/models/name``; that of any pod, or of the Service.
        file: SQLite file for what waits. Processes that label the same predictions share it.
        headers: Sent with each batch, for example ``{"X-Api-Key": …}``.
        keep_days: Age after which a prediction is forgotten; the server takes labels for 30 days unless told otherwise.
        timeout_seconds: Longest that the server may take for a batch.
        context: For TLS.
        clock: Unix seconds.
    """

    def __init__(
        self,
        model: str,
        file: str | Path,
        *,
        headers: Mapping[str, str] | None = None,
        keep_days: float = 30.0,
        timeout_seconds: float = 30.0,
        context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sender = Sender(model, headers or {}, timeout_seconds, context)
        self._store = Store(Path(file))
        self._keep_seconds = keep_days * _DAY
        self._clock = clock
        self._pause = 0.0

    def remember(
        self,
        key: str,
        response: Mapping[str, Any],
        predictions: Sequence[Label] | None = None,
        rows: int = 1,
        attributes: Sequence[Mapping[str, Label]] | None = None,
    ) -> None:
        """Keeps what an inference answered under a key of your own.

        Args:
            key: What the label will come with: an order's number, a patient's visit.
            response: The JSON of the answer, as the protocol writes it.
            predictions: One for each row; needed only where responses carry no token.
            rows: How many rows the request had, where there is a token.
            attributes: What is known of each row beside, by which labels can be sliced: ``[{"region": "north"}]``.
        """
        told = response.get("parameters") or {}
        if token := told.get("feedback_token"):
            about = [{"token": token, "row": number} for number in range(rows)]
        elif predictions is None:
            raise ValueError("the response has no feedback_token: give its predictions, one for each row")
        else:
            same = {"model_version": response["model_version"], "predicted_at": told["predicted_at"]}
            about = [{**same, "prediction": each, "id": key, "row": number} for number, each in enumerate(predictions)]
        if attributes is not None:
            about = [{**each, "attributes": dict(more)} for each, more in zip(about, attributes, strict=True)]
        self._store.remember(key, about, self._clock())

    def label(self, key: str, label: Label | None = None, row: int = 0, *, score: float | None = None) -> None:
        """Keeps the truth about a row. It may come before its prediction is remembered, and then waits for it.

        Args:
            key: As it is, or will be, remembered.
            label: What was right; None where only a score is known.
            row: Of the request.
            score: A number that tells how good the prediction was, for metrics of kind score.
        """
        told: dict[str, Label] = {} if label is None else {"label": label}
        if score is not None:
            told["score"] = score
        if not told:
            raise ValueError(f"nothing is said of {key!r}: give a label, a score, or both")
        self._store.label(key, row, told, self._clock())

    def send(self) -> Outcome:
        """Sends every label that can be sent, in batches; stops where the server cannot take more now. Raises `NotTaken`."""
        outcome, now = Outcome(), self._clock()
        self._store.forget(now - self._keep_seconds)
        while batch := self._store.lease(MOST_ROWS, now, _LEASE_SECONDS):
            numbers = [waiting.number for waiting in batch]
            try:
                answered = self._sender.post([waiting.row for waiting in batch])
            except NotTaken:
                self._store.release(numbers, now)
                raise
            if answered is None:
                self._pause = min(max(2 * self._pause, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
                self._store.release(numbers, now + self._pause)
                break
            self._pause = 0.0
            self._store.sent(numbers)
            outcome.accepted += answered.accepted
            outcome.rejected += answered.rejected
        outcome.waiting = self._store.waiting()
        return outcome

    @contextmanager
    def sending(
        self, every_seconds: float = 10.0, tell: Callable[[Outcome | NotTaken], None] = lambda _: None
    ) -> Iterator[None]:
        """Sends beside your program while the block runs, and once more at its end.

        Args:
            every_seconds: Between two times.
            tell: Hears what came of each.
        """
        is_over = threading.Event()

        def work() -> None:
            while True:
                ends = is_over.wait(every_seconds)
                try:
                    tell(self.send())
                except NotTaken as refusal:
                    tell(refusal)
                if ends:
                    return

        thread = threading.Thread(target=work, name="serin-feedback", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
