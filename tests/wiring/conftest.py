"""The inner loop asks the servers that a whole file shares; a test that starts one of its own is told by ``make slow``."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
IN_PROCESS = {"test_tools.py", "test_schema.py", "shelf", "sources"}
"""Files and rooms whose tests write files, and start no process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        starts_its_own = "tmp_path" in getattr(item, "fixturenames", ()) and IN_PROCESS.isdisjoint(item.path.parts)
        if HERE in item.path.parents and starts_its_own:
            item.add_marker(pytest.mark.slow)
