"""Requests that both versions answered, and clients that servers know, decide rollouts."""

from typing import Any

import pytest
from tests.support.simulation import Simulation, behind_gateway, canary, rollout, serving, words
from tests.support.simulation.pairs import Client

V1, V2 = "http://models/v1.onnx", "http://models/v2.onnx"
SIGNED = {"feedback": {"signing": "Managed"}}
ACCURACY = {"name": "accuracy", "accuracy": {"maxDecrease": 0.01}}
ERRORS = {"name": "errors", "errorRate": {}}
PROVEN = ACCURACY | {"evidence": "NonInferior"}


def judged_by(*metrics: dict[str, Any], sample: float | None = 1.0) -> dict[str, Any]:
    pairing = {} if sample is None else {"pairing": {"sample": sample}}
    return {"intervalSeconds": 5, "minSamples": 50, "metrics": list(metrics), **pairing}


async def judged(
    *metrics: dict[str, Any],
    sample: float | None = 1.0,
    late: bool = False,
    is_old: bool = False,
    hold: int = 20,
    **behaviour: Any,
) -> Simulation:
    """A second version that has just got its first requests."""
    simulation = await serving(calm=30, analysis=False, tells_pairs=not is_old, serving=SIGNED)
    simulation.network.labels_are_late = late
    simulation.change_spec(analysis=judged_by(*metrics, sample=sample))
    simulation.behave(V2, **behaviour)
    await canary(simulation, rollout=rollout(25, hold=hold))
    return simulation


def row_of(simulation: Simulation, name: str) -> dict[str, Any]:
    found = simulation.status.get("canary") or simulation.status.get("lastRollout") or {}
    return next((row for row in found.get("analysis") or [] if row["metric"] == name), {})


async def test_the_everyday_retrain_is_promoted_by_agreement_while_its_labels_are_late() -> None:
    simulation = await judged(PROVEN, late=True, differs=0.002)
    await simulation.live_until(lambda s: row_of(s, "accuracy").get("verdict") == "Pass", 300)
    row = row_of(simulation, "accuracy")
    assert row["reason"] == "NonInferior"
    assert "proven by agreement, without a label" in row["message"]
    assert row["differing"].endswith(" pairs")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_a_version_that_differs_on_more_than_the_margin_waits_for_its_labels() -> None:
    simulation = await judged(PROVEN, late=True, differs=0.05)
    await simulation.live(300)
    assert simulation.outcome("v2") == "InProgress"
    assert row_of(simulation, "accuracy")["reason"] == "NotEnoughEvidence"


async def test_a_version_that_is_worse_is_rolled_back_on_pairs_with_fewer_labels_than_without() -> None:
    needed = []
    for sample in (1.0, None):
        simulation = await judged(ACCURACY, sample=sample, accuracy=0.87, differs=0.06, hold=1200)
        await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 1100)
        needed.append(simulation.network.answered["v2"])  # each of its predictions got its label at once
    in_pairs, without = needed
    assert in_pairs < without / 2


async def test_what_both_versions_refuse_blames_nobody_and_pairs_say_so() -> None:
    simulation = await judged(ERRORS, error_rate=0.05)
    simulation.behave(V1, error_rate=0.05)
    await simulation.live_until(lambda s: row_of(s, "errors").get("pairs"), 60)
    assert row_of(simulation, "errors")["pairs"].startswith("canary alone bad on 0, stable alone on 0 of ")


async def test_a_version_that_alone_fails_is_rolled_back_on_pairs() -> None:
    simulation = await judged(ERRORS, error_rate=0.1)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 60)


async def test_a_control_that_fails_for_one_class_more_than_for_others_holds_the_rollout_and_says_why() -> None:
    simulation = await judged(ACCURACY)
    simulation.network.control.unanswered = {"0": 0.4, "1": 0.05}
    await simulation.live_until(lambda s: row_of(s, "accuracy").get("reason") == "SelectiveControl", 120)
    assert row_of(simulation, "accuracy")["verdict"] == "Inconclusive"
    await simulation.live(120)
    assert simulation.outcome("v2") == "InProgress"
    assert "the control leaves requests unanswered" in words(simulation)


async def test_servers_of_before_that_count_no_pairs_are_judged_by_their_labels() -> None:
    simulation = await judged(ACCURACY, ERRORS, is_old=True)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 300)


async def test_without_labels_and_pairs_nothing_is_proven_by_servers_of_before() -> None:
    simulation = await judged(PROVEN, late=True, is_old=True)
    await simulation.live(120)
    assert simulation.outcome("v2") == "InProgress"
    assert row_of(simulation, "accuracy")["reason"] == "NoData"


@pytest.mark.parametrize(("share", "outcome"), [(0.001, "Promoted"), (0.3, "RolledBack")])
async def test_a_version_that_answers_otherwise_too_often_is_rolled_back(share: float, outcome: str) -> None:
    other = {"name": "other", "disagreement": {"max": 0.05}}
    simulation = await judged(other, late=True, differs=share)
    await simulation.live_until(lambda s: s.outcome("v2") == outcome, 300)


async def under_ten_heavy_clients_that_fail(*, tells: bool) -> Simulation:
    simulation = await serving(calm=0, analysis=False, tells_pairs=tells)
    simulation.network.clients = [Client(20, 0.5 if number < 10 else 0.0) for number in range(20)]
    simulation.change_spec(analysis=judged_by(ERRORS, sample=None))
    await simulation.live(60)
    await canary(simulation, rollout=rollout(50, hold=120))
    return simulation


async def test_ten_heavy_clients_that_fail_blame_nobody_where_servers_tell_of_clients() -> None:
    simulation = await under_ten_heavy_clients_that_fail(tells=True)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 900)


async def test_what_servers_tell_of_clients_discounts_more_than_what_pods_can_show() -> None:
    """Whoever hangs on which connection is chance: pods see a part of it, clients all."""
    effects = {}
    for tells in (True, False):
        simulation = await under_ten_heavy_clients_that_fail(tells=tells)
        await simulation.live(60)
        effects[tells] = row_of(simulation, "errors")["designEffect"]
    assert effects[True] > 2 * effects[False] > 2


async def test_behind_a_gateway_its_proxies_are_no_clients_whatever_errors_come_and_go() -> None:
    simulation = await behind_gateway(analysis=False)
    simulation.network.tells_pairs = True
    simulation.change_spec(analysis=judged_by(ERRORS, sample=None))
    await canary(simulation, rollout=rollout(50, hold=300))
    for rate in (0.02, 0.3, 0.02):  # an incident that hits both versions alike
        for uri in (V1, V2):
            simulation.behave(uri, error_rate=rate)
        await simulation.live(60)
    assert row_of(simulation, "errors")["designEffect"] == 1.0
