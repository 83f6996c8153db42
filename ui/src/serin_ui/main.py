"""``serin-ui``: read the settings, answer until told to stop."""

import os
import sys

from aiohttp import web

from serin_ui.app import application
from serin_ui.settings import BadSettings, Settings


def main() -> None:
    """Entry point of the image."""
    try:
        settings = Settings.of(os.environ)
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    sys.stderr.write(f"serin-ui listens on :{settings.port} and asks {settings.api}\n")
    web.run_app(application(settings), port=settings.port, print=None, access_log=None, shutdown_timeout=5)
