"""Fixtures that several parts of the tests share."""

pytest_plugins = ["tests.support.kubernetes", "tests.support.serin", "tests.support.addons"]
