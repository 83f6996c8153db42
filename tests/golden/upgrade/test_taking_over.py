"""An operator that was upgraded takes over what the release before had begun: it goes on, and restarts nobody's pods.

The statuses beside this file were written by the release before, each at a moment of the same life in the simulated
cluster. This release lives up to the moment, is given that status, and has to go on from there.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.simulation import Simulation, model_of, phase, rollout, serving, uri_of, words

RECORDED: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("statuses.yaml").read_text())


async def taken_over(moment: str, **of_v2: Any) -> Simulation:
    """A cluster at the recorded moment, with what the release before had written, and a new operator."""
    simulation = await serving()
    simulation.behave(uri_of("v2"), **of_v2)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(25, 50, hold=30))
    await simulation.live(RECORDED[moment]["at"] - simulation.elapsed)
    written = RECORDED[moment]["status"]
    await simulation.live_until(lambda s: phase(s) == (written.get("canary") or {}).get("phase"), 10)
    assert set(written) - {"outbox"} <= set(simulation.status)  # letters come and go with each write
    simulation.edit_status(lambda status: (status.clear(), status.update(written)))
    simulation.restart_operator()
    return simulation


def templates(simulation: Simulation) -> dict[str, Any]:
    """What decides whether pods are made anew, by Deployment."""
    return {each["metadata"]["name"]: each["spec"]["template"] for each in simulation.of_kind("Deployment")}


def made_anew(before: dict[str, Any], simulation: Simulation) -> list[str]:
    """Deployments that were there and have another template now."""
    return [name for name, now in templates(simulation).items() if before.get(name, now) != now]


@pytest.mark.parametrize(
    "moment", ["holding", *(pytest.param(each, marks=pytest.mark.slow) for each in ("resolving", "baking", "idle"))]
)
async def test_a_rollout_that_the_release_before_began_goes_on_to_its_end(moment: str) -> None:
    simulation = await taken_over(moment)
    before = templates(simulation)
    await simulation.live(5)
    assert set(before) <= set(templates(simulation))
    assert made_anew(before, simulation) == []
    await simulation.live_until(lambda s: phase(s) is None, 300)
    assert (simulation.stable, simulation.outcome("v2")) == ("v2", "Promoted")
    assert made_anew(before, simulation) == []
    assert simulation.errors == []


async def test_what_was_rolled_back_by_the_release_before_stays_so() -> None:
    simulation = await taken_over("rolled back", error_rate=0.5)
    before = templates(simulation)
    await simulation.live(120)
    assert (simulation.stable, simulation.outcome("v2"), phase(simulation)) == ("v1", "RolledBack", None)
    assert made_anew(before, simulation) == []


async def test_evidence_of_the_release_before_counts_on() -> None:
    simulation = await taken_over("holding")
    metrics = RECORDED["holding"]["status"]["canary"]["evidence"]["metrics"]
    await simulation.live(5)
    now = simulation.status["canary"]["evidence"]["metrics"]
    assert {name: each["rule"] for name, each in now.items()} == {name: each["rule"] for name, each in metrics.items()}
    assert now["errors"]["looks"] == metrics["errors"]["looks"] + 1
    assert now["errors"]["canary_total"] > metrics["errors"]["canary_total"]
    assert "begins anew" not in words(simulation)
