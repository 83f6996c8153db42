"""What the operator tells in each moment, recorded beside this file for the tools that read it.

A difference changes what GitOps tools show: run ``UPDATE_GOLDEN=1 make golden``, read it, and see that ``make slow`` still
finds every tool saying what it should.
"""

import json
import os
from pathlib import Path

import pytest
from tests.golden.gitops.moments import MOMENTS, NEW, Moment, record_of

from serin_operator.api.crd import object_schema

STATUSES = Path(__file__).parent / "statuses"


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
async def test_the_status_of_a_moment_is_what_was_reviewed(moment: Moment) -> None:
    told = json.dumps(record_of(await moment.comes_about()), indent=2) + "\n"
    path = STATUSES / f"{moment.name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(told)
    assert told == path.read_text()


def test_no_record_is_left_of_a_moment_that_is_none_any_more() -> None:
    assert {path.stem for path in STATUSES.glob("*.json")} == {moment.name for moment in MOMENTS}


def test_an_object_that_nobody_has_looked_at_says_so() -> None:
    assert object_schema()["properties"]["status"]["default"] == NEW
