"""Rollouts that are judged by other kinds of metrics than errors and accuracy, as prose."""

from typing import Any

import pytest
from tests.golden.rollouts.kept import Story, is_as_it_was_reviewed, rows
from tests.support.simulation import Simulation, spec


def judged_by(version: str, *metrics: dict[str, Any]) -> dict[str, Any]:
    return spec(version, analysis={"intervalSeconds": 5, "minSamples": 50, "metrics": list(metrics)})


SLOW = {"name": "slow", "latency": {"slowerThanSeconds": 0.25, "maxIncrease": 0.01}}
ACCEPTED = {
    "name": "accepted",
    "outcome": {
        "good": 'shop_offers_total{outcome="accepted"}',
        "total": "shop_offers_total",
        "revisionLabel": "model_version",
        "maxDecrease": 0.02,
    },
}


async def served(*metrics: dict[str, Any]) -> Simulation:
    simulation = Simulation(tells_all=True)
    simulation.kubectl_apply(judged_by("v1", *metrics))
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(60)
    return simulation


async def a_version_three_times_slower_is_rolled_back() -> Simulation:
    simulation = await served(SLOW)
    simulation.behave("http://models/v1.onnx", slow_rate=0.05)
    simulation.behave("http://models/v2.onnx", slow_rate=0.6)
    simulation.kubectl_apply(judged_by("v2", SLOW))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.run(10)
    return simulation


async def a_version_whose_offers_are_declined_is_rolled_back_and_the_next_one_is_promoted() -> Simulation:
    simulation = await served(ACCEPTED)
    simulation.behave("http://models/v2.onnx", accepted_rate=0.2)
    simulation.kubectl_apply(judged_by("v2", ACCEPTED))
    await simulation.run_until(lambda s: s.outcome("v2") == "RolledBack")
    simulation.behave("http://models/v3.onnx", accepted_rate=0.52)
    simulation.kubectl_apply(judged_by("v3", ACCEPTED))
    await simulation.run_until(lambda s: s.stable == "v3")
    return simulation


async def the_everyday_retrain_is_promoted_by_agreement_while_its_labels_are_late() -> Simulation:
    analysis = {
        "intervalSeconds": 5,
        "minSamples": 50,
        "pairing": {"sample": 1.0},
        "metrics": [{"name": "accuracy", "accuracy": {"maxDecrease": 0.01}, "evidence": "NonInferior"}],
    }
    signed = {"feedback": {"signing": "Managed"}}
    simulation = Simulation(tells_pairs=True)
    simulation.network.labels_are_late = True
    simulation.kubectl_apply(spec("v1", analysis=analysis, serving=signed))
    await simulation.run_until(lambda s: s.stable == "v1")
    await simulation.run(60)
    simulation.behave("http://models/v2.onnx", differs=0.002)
    simulation.kubectl_apply(spec("v2", analysis=analysis, serving=signed))
    await simulation.run_until(lambda s: s.stable == "v2")
    return simulation


ALL = [
    the_everyday_retrain_is_promoted_by_agreement_while_its_labels_are_late,
    a_version_three_times_slower_is_rolled_back,
    a_version_whose_offers_are_declined_is_rolled_back_and_the_next_one_is_promoted,
]


QUICK = (a_version_three_times_slower_is_rolled_back,)


@pytest.mark.parametrize("story", rows(ALL, *QUICK))
async def test_story(story: Story) -> None:
    await is_as_it_was_reviewed(story)
