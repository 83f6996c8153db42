"""Notices: each happening once by its key and in order, whatever receivers and operators go through, and no rollout waits for them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.support.simulation import (
    NAMESPACE,
    Simulation,
    canary,
    model_of,
    revision_of,
    rollout,
    serving,
    uri_of,
    words,
)
from tests.support.simulation.receivers import FAILS, HANGS, IS_AWAY, IS_BUSY, TAKES, Receiver

from serin_operator.act.notices.telling import About

ALL = ["Started", "Step", "Held", "Promoted", "RolledBack", "PreflightFailed", "Aborted", "Superseded"]
ALL += ["SourceChanged", "Recovered"]
EVERYTHING = ({"channel": "ops", "about": ALL},)
V2 = uri_of("v2")
A_PROMOTION = ["Started v2", "Step v2", "Step v2", "Step v2", "Promoted v2"]
"""Two steps, and the switch."""


async def with_channels(*channels: str, notify: Any = EVERYTHING, **more: Any) -> Simulation:
    simulation = await serving(receivers={name: Receiver() for name in channels or ("ops",)}, notify=notify, **more)
    for receiver in simulation.receivers.values():
        receiver.got.clear()
    return simulation


def promoted(version: str = "v2") -> Any:
    return lambda s: s.outcome(version) == "Promoted"


def letters(simulation: Simulation) -> list[dict[str, Any]]:
    """Notices that status still has."""
    return [each for each in simulation.status.get("outbox") or [] if "notice" in each]


async def test_a_rollout_is_told_step_by_step_and_then_forgotten() -> None:
    simulation = await with_channels()
    await canary(simulation)
    await simulation.live_until(promoted())
    await simulation.live(10)
    assert simulation.receivers["ops"].heard == A_PROMOTION
    assert simulation.receivers["ops"].twice == 0
    assert letters(simulation) == []


async def test_by_default_endings_and_what_waits_for_a_person_are_told() -> None:
    simulation = await with_channels(notify=({"channel": "ops"},))
    simulation.behave(V2, accuracy=0.5)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack")
    await simulation.live(120)
    assert simulation.receivers["ops"].heard == ["RolledBack v2"]
    await canary(simulation, "v3")
    await simulation.live_until(promoted("v3"))
    await simulation.live(10)
    assert simulation.receivers["ops"].heard == ["RolledBack v2", "Recovered v3", "Promoted v3"]


async def test_a_spec_that_says_who_hears_replaces_the_defaults() -> None:
    simulation = await with_channels("ops", "team", notify=EVERYTHING)
    await canary(simulation, notify=[{"channel": "team", "about": ["Promoted"]}])
    await simulation.live_until(promoted())
    await simulation.live(10)
    assert simulation.receivers["team"].heard == ["Promoted v2"]
    assert simulation.receivers["ops"].got == []


async def test_a_spec_that_wants_nobody_to_hear_is_heard_of_by_nobody() -> None:
    simulation = await with_channels()
    await canary(simulation, notify=[])
    await simulation.live_until(promoted())
    assert simulation.receivers["ops"].got == []
    assert letters(simulation) == []


async def test_an_unknown_channel_is_told_in_status_and_the_known_ones_hear() -> None:
    simulation = await with_channels("ops", "team", notify=())
    everything = [{"channel": "pager", "about": ALL}, {"channel": "team", "about": ["Promoted"]}]
    await canary(simulation, notify=everything)
    await simulation.live_until(promoted())
    await simulation.live(10)
    degraded = simulation.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "ChannelUnknown")
    assert "pager" in degraded["message"]
    assert "ops, team" in degraded["message"]
    assert simulation.condition("Ready")["status"] == "True", words(simulation)
    assert simulation.receivers["team"].heard == ["Promoted v2"]
    simulation.change_spec(notify=[{"channel": "team"}])
    await simulation.live(5)
    assert simulation.condition("Degraded")["status"] == "False"


async def test_a_step_that_waits_for_a_person_is_told_and_that_it_goes_on() -> None:
    simulation = await with_channels(notify=({"channel": "ops", "about": ["Held", "Recovered", "Promoted"]},))
    await canary(simulation, rollout={"steps": [{"weight": 25, "holdSeconds": 5, "pause": True}], "bakeSeconds": 5})
    await simulation.live_until(lambda s: s.condition("Progressing")["reason"] == "StepPaused")
    await simulation.live(30)
    assert simulation.receivers["ops"].heard == ["Held v2"]
    simulation.annotate("promote@1")
    await simulation.live_until(promoted())
    await simulation.live(10)
    assert simulation.receivers["ops"].heard == ["Held v2", "Recovered v2", "Promoted v2"]


async def test_an_aborted_and_a_superseded_rollout_are_told_of_their_versions() -> None:
    simulation = await with_channels(notify=({"channel": "ops", "about": ["Aborted", "Superseded", "Started"]},))
    await canary(simulation)
    simulation.change_spec(model=model_of("v3"))
    await simulation.live_until(lambda s: s.network.answered.get("v3"))
    simulation.annotate("abort@1")
    await simulation.live_until(lambda s: s.outcome("v3") == "Aborted")
    await simulation.live(10)
    assert simulation.receivers["ops"].heard == ["Started v2", "Superseded v2", "Started v3", "Aborted v3"]


@pytest.mark.parametrize("answer", [HANGS, FAILS, IS_AWAY, IS_BUSY], ids=lambda answer: answer.why)
async def test_no_rollout_is_a_second_later_for_a_receiver_that_takes_nothing(answer: Any) -> None:
    endings = []
    for receiving in (TAKES, answer):
        simulation = await with_channels("ops", "team", notify=(*EVERYTHING, {"channel": "team", "about": ALL}))
        simulation.receivers["ops"].answer = receiving
        await canary(simulation)
        await simulation.live_until(promoted())
        changes = [
            (m.at, m.phase)
            for m, n in zip(simulation.moments, simulation.moments[1:], strict=False)
            if m.phase != n.phase
        ]
        endings.append((simulation.elapsed, changes))
        assert simulation.receivers["team"].heard[: len(A_PROMOTION) - 1] == A_PROMOTION[:-1]
    assert endings[0] == endings[1]


@pytest.mark.parametrize("answer", [HANGS, FAILS, IS_AWAY, IS_BUSY], ids=lambda answer: answer.why)
async def test_what_happened_in_an_hour_without_a_receiver_arrives_once_and_in_order(answer: Any) -> None:
    simulation = await with_channels()
    receiver = simulation.receivers["ops"]
    receiver.answer = answer
    await canary(simulation)
    await simulation.live_until(promoted())
    await simulation.live(1800)
    simulation.restart_operator()
    await canary(simulation, "v3")
    await simulation.live_until(promoted("v3"))
    await simulation.live(1800)
    looks = len(simulation.reconciles)
    await simulation.live(600)
    assert len(simulation.reconciles) - looks <= 6, "waiting for a receiver is no reason to look"
    assert receiver.got == []
    assert receiver.attempts < 200
    receiver.answer = TAKES
    await simulation.live(180)
    assert receiver.heard == A_PROMOTION + [each.replace("v2", "v3") for each in A_PROMOTION]
    assert receiver.twice == 0
    assert letters(simulation) == []


@pytest.mark.parametrize("write", range(0, 40, 3))
async def test_a_killed_operator_loses_no_notice_and_repeats_them_by_their_keys(write: int) -> None:
    simulation = await with_channels()
    simulation.writes_until_death = write
    await canary(simulation)
    await simulation.live_until(promoted())
    await simulation.live(30)
    assert simulation.receivers["ops"].heard == A_PROMOTION
    assert simulation.receivers["ops"].twice <= 1


async def test_a_model_that_goes_while_its_receiver_is_away_is_still_told_of() -> None:
    simulation = await with_channels()
    receiver = simulation.receivers["ops"]
    receiver.answer = IS_AWAY
    await canary(simulation)
    await simulation.live_until(promoted())
    uid = simulation.mdep["metadata"]["uid"]
    simulation.remove(simulation.mdep)
    await simulation.reconcile()
    receiver.answer = TAKES
    for _ in range(120):
        simulation.now += timedelta(seconds=1)
        simulation.postman.move()
    assert receiver.heard == A_PROMOTION
    assert simulation.postman.office.collect(About(NAMESPACE, simulation.name, uid)) == frozenset()


async def test_a_status_full_of_notices_stays_small_and_keeps_the_newest() -> None:
    simulation = await with_channels()
    receiver = simulation.receivers["ops"]
    receiver.answer = IS_AWAY
    for number in range(2, 8):
        await canary(simulation, f"v{number}", rollout=rollout(50, hold=2))
        await simulation.live_until(promoted(f"v{number}"))
    assert len(letters(simulation)) == 20
    receiver.answer = TAKES
    await simulation.live(120)
    assert len(receiver.heard) == 20
    assert receiver.heard[-1] == "Promoted v7"
    assert simulation.postman.books["ops dropped"] > 0


async def test_notices_to_a_channel_that_is_taken_out_of_the_chart_are_forgotten() -> None:
    simulation = await with_channels()
    simulation.receivers["ops"].answer = IS_AWAY
    await canary(simulation)
    await simulation.live_until(promoted())
    assert letters(simulation)
    del simulation.receivers["ops"]
    simulation.notify = ()
    simulation.restart_operator()
    await simulation.live(10)
    assert letters(simulation) == []


async def test_a_source_that_changes_under_a_version_that_serves_is_told_once_and_that_it_is_well_again() -> None:
    simulation = await with_channels(notify=({"channel": "ops", "about": ["SourceChanged", "Recovered"]},))
    words_of_pod = json.dumps({"ok": False, "reason": "DigestMismatch", "message": "other bytes"})
    simulation.behave(uri_of("v1"), fails_warm_up=1000, warm_up_words=words_of_pod)
    simulation.remove(simulation.pods_of(revision_of(simulation, "v1"))[0])
    await simulation.live_until(lambda s: s.condition("Degraded")["reason"] == "SourceChanged")
    await simulation.live(60)
    assert simulation.receivers["ops"].heard == ["SourceChanged v1"]
    simulation.behave(uri_of("v1"))
    await simulation.live_until(lambda s: s.condition("Degraded")["status"] == "False")
    await simulation.live(10)
    assert simulation.receivers["ops"].heard == ["SourceChanged v1", "Recovered v1"]
