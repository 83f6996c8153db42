"""`serin-server resolve`: proves that a model can be served and reports what it is, then ends."""

import json
import sys

from serin_server.config.settings import Settings
from serin_server.failures import LoadFailure
from serin_server.model.load import report
from serin_server.process.model import load_as_set
from serin_server.process.termination import failure_report, write_termination_message


def resolve(settings: Settings) -> int:
    """Fetches, digests, loads, warms up; one JSON object goes to the termination log and to stdout."""
    try:
        told, exit_code = report(load_as_set(settings)), 0
    except LoadFailure as failure:
        told, exit_code = failure_report(failure), failure.exit_code
    text = json.dumps(told, ensure_ascii=True)
    write_termination_message(settings.termination_log, text)
    sys.stdout.write(text + "\n")
    return exit_code
