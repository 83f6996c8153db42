"""What became of the payload log's sample, in the words of the metrics endpoint."""

from serin_server.metrics.server import Words
from serin_server.records.payload import PayloadLog


class PayloadWords:
    """Tells what became of the payload log's sample."""

    part = "payload_log"

    def __init__(self, payload_log: PayloadLog) -> None:
        self._payload_log = payload_log

    def tell(self, words: Words) -> None:
        """Adds its samples."""
        words.head("serin_payload_log_events_total", "counter")
        words.sample("serin_payload_log_events_total", {"outcome": "sent"}, self._payload_log.sent)
        words.sample("serin_payload_log_events_total", {"outcome": "dropped"}, self._payload_log.dropped)
