"""Fixtures that several parts of the tests share."""

import gc

pytest_plugins = ["tests.support.kubernetes", "tests.support.serin", "tests.support.addons", "tests.support.turns"]


def pytest_collection_finish() -> None:
    """What was imported and collected lives to the end: looking for garbage in it again and again is a sixth of the unit tests' time."""
    gc.freeze()
