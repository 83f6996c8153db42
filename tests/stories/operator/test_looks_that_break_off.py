"""A look that breaks off is taken again, and the verdict is that of a look that did not: nothing is lost, nothing counts twice."""

import re
from typing import Any

import pytest
from tests.support.simulation import Simulation, canary, rollout, serving, uri_of, words
from tests.support.simulation.api import Killed

V2 = uri_of("v2")
TEN_MINUTES = 600
STEPS = rollout(25, 50, hold=60)


def kill_in_looks(simulation: Simulation, *, is_answered: bool) -> list[str]:
    """The operator dies each third time that it asks (a first look asks two things): before the answer is there, or with it in its hands."""
    asked: list[str] = []
    ask = simulation.prom.query

    async def query(promql: str, at: float) -> Any:
        answer = await ask(promql, at) if is_answered else None
        asked.append(promql)
        if len(asked) % 3 == 1:
            raise Killed
        return answer if is_answered else await ask(promql, at)

    simulation.prom.query = query  # type: ignore[method-assign]
    return asked


async def rolled_out(*, error_rate: float, broken: str) -> Simulation:
    """Until the end of a rollout under one kind of trouble."""
    simulation = await serving()
    simulation.behave(V2, error_rate=error_rate)
    killed = kill_in_looks(simulation, is_answered=broken == "killed with the answer") if "killed" in broken else None
    await canary(simulation, rollout=STEPS)
    if broken == "away for ten minutes":
        simulation.prometheus_away_for(TEN_MINUTES)
    await simulation.live_until(lambda s: s.outcome("v2") not in (None, "InProgress"), 2400)
    await simulation.live(30)
    assert killed is None or len(killed) >= 2
    return simulation


@pytest.mark.parametrize("broken", ["killed before the answer", "killed with the answer", "away for ten minutes"])
@pytest.mark.parametrize(("error_rate", "outcome"), [(0.0, "Promoted"), (0.2, "RolledBack")], ids=["good", "bad"])
async def test_the_verdict_is_the_same_and_is_told_once(broken: str, error_rate: float, outcome: str) -> None:
    simulation = await rolled_out(error_rate=error_rate, broken=broken)
    assert simulation.outcome("v2") == outcome, words(simulation)
    assert len([one for one in simulation.told(outcome) if one.startswith("v2:")]) == 1
    assert simulation.errors == []


@pytest.mark.parametrize("broken", ["killed before the answer", "killed with the answer"])
async def test_what_was_counted_is_counted_once(broken: str) -> None:
    simulation = await rolled_out(error_rate=0.05, broken=broken)
    counted = int(re.search(r"errors of (\d+) requests", simulation.told("RolledBack")[0])[1])
    answered = sum(one.answered.get("v2", 0) for one in simulation.moments)
    assert 0.5 * answered < counted <= answered
