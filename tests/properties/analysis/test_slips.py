"""The page of what slips through says what the engine that ships would say again: cells that are quickly simulated, to the digit."""

import re

import pytest
from benchmarks.analysis.slips import EFFECTS, PAGE, RULES, TRAFFIC, promoted

ROLLOUTS = int(re.search(r"the share of (\d+) simulated", PAGE.read_text())[1])


def told(name: str, requests: int, labelled: float, worse: float) -> str:
    """A cell of the page."""
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    row = rows[1 + list(RULES).index(name) * len(TRAFFIC) + TRAFFIC.index((requests, labelled))]
    assert row[2].strip() == f"{requests}, {100 * labelled:g} %"
    return row[3 + (0.0, *EFFECTS).index(worse)].strip()


@pytest.mark.parametrize(
    ("name", "worse"),
    [(name, worse) for name in list(RULES)[:3] for worse in EFFECTS[-2:]],
)
def test_a_cell_of_the_page_is_what_the_engine_gives(name: str, worse: float) -> None:
    found = promoted(name, 100, 1.0, worse, ROLLOUTS)
    assert told(name, 100, 1.0, worse) == f"{100 * found / ROLLOUTS:.0f} %"
