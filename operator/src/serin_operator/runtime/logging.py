"""Structured logs: JSON for machines, colours for people; kopf's and asyncio's lines take the same way."""

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import structlog

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_NOISE: Final = (
    # We run kopf in a thread on purpose, so that it leaves the signals to us.
    "OS signals are ignored",
)
_RETRIED: Final = re.compile(r"Request attempt #\S+ failed; (will retry|escalating)")
_RETRIED_SECONDS: Final = 30.0


class Quieter(logging.Filter):
    """Leaves out what kopf says on purpose of ours, and most of what seven watches say during an outage.

    Each watch tells of each attempt, at ERROR: a minute without the API server would be 150 lines. One every half
    minute says the same.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told_at = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the line."""
        message = str(record.msg)
        if message.startswith(_NOISE):
            return False
        if not _RETRIED.match(message):
            return True
        now = self._monotonic()
        if now - self._told_at < _RETRIED_SECONDS:
            return False
        self._told_at = now
        return True


def configure_logging(log_format: LogFormat, level: LogLevel) -> None:
    """Send every log line of the process to standard error in one format."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[Any]
    if log_format == "json":
        rendering = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        rendering = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Quieter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # kopf tells each event at INFO and below; what matters to people is what we decide from it.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLogger().level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
