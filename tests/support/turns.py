"""Which tests take turns on one cluster, and in which order: the longest first, so that no worker is left with one alone in the end."""

from __future__ import annotations

from typing import Any

import pytest

LONGEST_FIRST = (
    "tests/e2e/rollouts/test_broken_inputs.py",
    "tests/e2e/gateway/",
    "tests/e2e/rollouts/test_promises.py",
    "tests/e2e/rollouts/test_outages.py",
    "tests/e2e/rollouts/test_lost_operators.py",
    "tests/e2e/autoscaling/",
    "tests/e2e/rollouts/test_lost_nodes.py",
    "tests/e2e/localkube/test_several_nodes.py",
    "tests/e2e/rollouts/test_repairs.py",
    "tests/e2e/rollouts/test_ownership.py",
    "tests/e2e/rollouts/test_crashing_canaries.py",
    "tests/e2e/rollouts/test_source_changes.py",
    "tests/e2e/rollouts/test_kubectl_serin.py",
    "tests/e2e/rollouts/test_restarts.py",
    "tests/e2e/localkube/test_one_node.py",
    "tests/e2e/rollouts/test_prediction_log.py",
)
"""By what `--durations=0` said; a folder stays together, as its files share an add-on. What is not named comes first."""


def turn_of(nodeid: str) -> int:
    """The place of a test's file in that order."""
    return next((place for place, room in enumerate(LONGEST_FIRST) if nodeid.startswith(room)), -1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by turns; within a file nothing changes."""
    items.sort(key=lambda item: turn_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files, or folders, to a worker, as they were collected (pytest -n 2 --dist loadfile)."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Turns(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            turn = turn_of(nodeid)
            return LONGEST_FIRST[turn] if turn >= 0 else str(super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return Turns(config, log)
