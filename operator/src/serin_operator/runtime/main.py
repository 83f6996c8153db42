"""``serin-operator``: read the settings, run, end with a code that says why."""

import asyncio
import signal
import sys

import uvloop
from prometheus_client import disable_created_metrics
from pydantic import ValidationError
from pydantic_settings import SettingsError

from serin_operator.cluster.connection import NoCluster
from serin_operator.runtime.logging import configure_logging
from serin_operator.runtime.process import Process
from serin_operator.runtime.settings import Settings, complaints
from serin_operator.runtime.tools import MakeReconciler
from serin_operator.runtime.wiring import make_reconciler

EXIT_BAD_SETTINGS = 2


def main() -> None:
    """Entry point of the image."""
    try:
        settings = Settings()
    except ValidationError as error:
        for line in complaints(error):
            sys.stderr.write(line + "\n")
        sys.exit(EXIT_BAD_SETTINGS)
    except SettingsError as error:
        sys.stderr.write(f"{error}: it is no JSON\n")
        sys.exit(EXIT_BAD_SETTINGS)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, that nobody asks for
    configure_logging(settings.log_format, settings.log_level)
    sys.exit(run(settings, make_reconciler))


def run(settings: Settings, reconciler: MakeReconciler) -> int:
    """Run one replica until a signal or the end; returns the exit code."""
    try:
        return uvloop.run(_until_signal(settings, reconciler))
    except NoCluster as error:
        sys.stderr.write(f"{error}\n")
        return 1


async def _until_signal(settings: Settings, reconciler: MakeReconciler) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await Process(settings, reconciler).run(stop)


if __name__ == "__main__":
    main()
