"""Every line of the process in one format, and an outage in few lines."""

import json
import logging
import subprocess
import sys

from serin_operator.runtime.logging import Quieter

SPEAK = """
import logging, structlog
from serin_operator.runtime.logging import configure_logging
configure_logging("{format}", "info")
structlog.get_logger("ours").info("promoted", version="v2")
logging.getLogger("kopf.watching").error("from kopf")
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
    promoted, kopf, broke = map(json.loads, lines("json"))
    assert (promoted["event"], promoted["version"], promoted["level"]) == ("promoted", "v2", "info")
    assert (kopf["event"], kopf["logger"]) == ("from kopf", "kopf.watching")
    assert broke["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_console_is_for_people():
    text = "\n".join(lines("console"))
    assert "promoted" in text
    assert "ZeroDivisionError: division by zero" in text


def test_an_outage_is_told_once_every_half_minute():
    now = 0.0
    quieter = Quieter(monotonic=lambda: now)
    told = 0
    for second in range(90):
        now = float(second)
        for _ in range(7):
            message = f"Request attempt #{second}/6 failed; will retry: GET https://x"
            told += quieter.filter(logging.LogRecord("kopf", logging.ERROR, "", 0, message, None, None))
    assert told == 3


def test_other_lines_pass():
    assert Quieter().filter(logging.LogRecord("kopf", logging.ERROR, "", 0, "Something else", None, None))
