"""A line for some of the requests: enough to find a slow or failing client, never their data."""

import random
from collections.abc import Callable

from serin_server.records.log import Log


class AccessLog:
    """Logs a fraction of inference requests, and every answer of 500 and above."""

    def __init__(self, log: Log, sample: float, chance: Callable[[], float] = random.random) -> None:
        self._log = log
        self._sample = sample
        self._chance = chance

    def note(self, transport: str, status: int, seconds: float, rows: int, request_id: str, error: str = "") -> None:
        """One request was answered."""
        if status < 500 and self._chance() >= self._sample:
            return
        fields = {"error": error} if error else {}
        self._log.info(
            "request",
            transport=transport,
            status=status,
            milliseconds=round(seconds * 1000, 3),
            rows=rows,
            id=request_id,
            **fields,
        )
