"""Every line of the process in one format."""

import json
import subprocess
import sys

SPEAK = """
import logging, structlog
from serin_operator.runtime.logging import configure_logging
configure_logging("{format}", "info")
from serin_operator.tracing import Span
with Span("reconcile", lambda span: None) as span:
    structlog.get_logger("ours").info("promoted", version="v2", is_of_span=span.span_id)
logging.getLogger("aiohttp.server").error("from a library")
logging.getLogger("asyncio").debug("unheard")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("ours").exception("broke")
"""


def lines(log_format):
    done = subprocess.run(
        [sys.executable, "-c", SPEAK.replace("{format}", log_format)], capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_json_has_one_object_a_line_whoever_speaks():
    promoted, library, broke = map(json.loads, lines("json"))
    assert (promoted["event"], promoted["version"], promoted["level"]) == ("promoted", "v2", "info")
    assert (library["event"], library["logger"]) == ("from a library", "aiohttp.server")
    assert (promoted["span_id"], len(promoted["trace_id"])) == (promoted["is_of_span"], 32), "it was said in a span"
    assert "trace_id" not in library
    assert broke["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_console_is_for_people():
    text = "\n".join(lines("console"))
    assert "promoted" in text
    assert "ZeroDivisionError: division by zero" in text
