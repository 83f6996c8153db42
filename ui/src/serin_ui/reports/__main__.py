"""``python -m serin_ui.reports``."""

import sys

from serin_ui.reports.main import main

sys.exit(main())
