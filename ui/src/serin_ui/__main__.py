"""``python -m serin_ui``."""

from serin_ui.main import main

main()
