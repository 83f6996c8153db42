"""Fixtures that several parts of the tests share."""

import gc

import pytest

pytest_plugins = ["tests.support.kubernetes", "tests.support.serin", "tests.support.addons", "tests.support.turns"]

# What is imported and collected lives to the end: looking for garbage in it again and again is a fifth of the unit tests' time.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on tests make garbage."""
    gc.freeze()
    gc.enable()
