"""A line for some of the requests: enough to find a slow or failing client, never their data.

Of what a client sends only its request's id is written down, cut to a sensible length.
"""

import random
from collections.abc import Callable
from typing import Final

from serin_server.dataplane.trace import Trace
from serin_server.records.log import Log

_LONGEST_ID: Final = 128


class AccessLog:
    """Logs a fraction of inference requests, and every answer of 500 and above."""

    def __init__(self, log: Log, sample: float, chance: Callable[[], float] = random.random) -> None:
        self._log = log
        self._sample = sample
        self._chance = chance

    def note(
        self,
        transport: str,
        status: int,
        seconds: float,
        rows: int,
        request_id: str,
        error: str = "",
        trace: Trace | None = None,
    ) -> None:
        """One request was answered; `error` is a refusal's `logged` words, in which no values are."""
        if status < 500 and self._chance() >= self._sample:
            return
        fields = {"error": error} if error else {}
        if trace is not None:
            fields |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
            fields |= {"parent_id": trace.parent_id} if trace.parent_id else {}
        self._log.info(
            "request",
            transport=transport,
            status=status,
            milliseconds=round(seconds * 1000, 3),
            rows=rows,
            id=request_id[:_LONGEST_ID],
            **fields,
        )
