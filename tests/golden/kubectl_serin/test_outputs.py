"""What `kubectl serin` prints in every moment of a ModelDeployment's life, at 80 columns, to be read and reviewed."""

import os
from pathlib import Path

import pytest
from tests.golden.gitops.moments import MOMENTS, Moment
from tests.support.kubectl_serin import Clock, asked, of_simulation

FOLDER = Path(__file__).parent / "moments"


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)
async def test_what_is_printed_in_a_moment_is_what_was_reviewed(moment: Moment) -> None:
    simulation = await moment.comes_about()
    kubectl = of_simulation(simulation)
    told = []
    for command in ("get", "get credit-risk", "status credit-risk", "why credit-risk", "history credit-risk"):
        code, out, error = asked(kubectl, *command.split(), clock=Clock(simulation.now))
        told.append(f"$ kubectl serin {command}\n{out}{error}(exit code {code})\n")
    text = "\n".join(told)
    assert max(len(line) for line in text.splitlines()) <= 80
    path = FOLDER / f"{moment.name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_no_output_is_left_of_a_moment_that_is_none_any_more() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {moment.name for moment in MOMENTS}
