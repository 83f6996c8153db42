"""`python -m serin_server`."""

import sys

from serin_server.cli import main

sys.exit(main())
