"""Every wait ends: by itself, by a deadline, or because a person is called."""

from datetime import datetime
from typing import Any

import pytest
from tests.support.simulation import (
    Crash,
    Simulation,
    baking_v2,
    canary,
    model_of,
    phase,
    rollout,
    serving,
    uri_of,
    words,
)

from serin_operator.observe.desk import _Request
from serin_operator.observe.looks import take

V1, V2, V3 = uri_of("v1"), uri_of("v2"), uri_of("v3")
IMMEDIATE = {"strategy": "Immediate", "bakeSeconds": 10}
NOT_THERE = {"ok": False, "reason": "SourceNotFound", "message": "404"}


async def test_a_canary_that_starts_can_become_immediate() -> None:
    simulation = await serving()
    simulation.behave(V2, ready_after=20)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: phase(s) == "Starting")
    simulation.change_spec(rollout=IMMEDIATE)
    await simulation.live(120)
    assert simulation.errors == []
    assert simulation.outcome("v2") == "Promoted", words(simulation)


@pytest.mark.parametrize("kind", ["First", "Direct", "Rescue"])
@pytest.mark.parametrize("where", ["Reaching", "Holding"])
async def test_a_kind_that_does_not_go_with_its_phase_raises_nothing(kind: str, where: str) -> None:
    simulation = await serving()
    await canary(simulation, rollout=rollout(25, 50, hold=40))
    await simulation.live(8)
    simulation.edit_status(lambda status: status["canary"].update(kind=kind, phase=where, nextStep=1))
    await simulation.live(30)
    assert simulation.errors == []


@pytest.mark.parametrize("is_bad", [False, True], ids=["good", "bad"])
async def test_a_leader_before_whose_clock_was_ahead_holds_nothing_up(is_bad: bool) -> None:
    simulation = await serving()
    simulation.restart_operator(clock_offset=3600)
    await simulation.live(5)
    await canary(simulation, rollout=rollout(25, 50, hold=20))
    await simulation.live(30)
    simulation.restart_operator(clock_offset=0)
    simulation.behave(V2, error_rate=1.0 if is_bad else 0.0)
    await simulation.live(240)
    assert simulation.outcome("v2") == ("RolledBack" if is_bad else "Promoted"), words(simulation)


class SlowDesk:
    """A desk whose Prometheus takes its time, in the simulation's seconds."""

    def __init__(self, simulation: Simulation, seconds: float) -> None:
        self.simulation, self.seconds = simulation, seconds
        self.running: tuple[Any, float, Any] | None = None

    async def result(self, _key: Any, look: Any, analysis: Any, scrape: float, now: datetime) -> Any:
        wanted = _Request(look, analysis, scrape, now)
        if self.running and self.simulation.elapsed >= self.running[1]:
            request, _, result = self.running
            self.running = None
            if request.serves(wanted):
                return result
        if self.running is None:
            taken = await take(self.simulation.prom, look, analysis, scrape, now)
            self.running = (wanted, self.simulation.elapsed + self.seconds, taken)
        return None

    def book(self, _key: Any, _booked: Any) -> bool:
        return False

    def forget(self, _key: Any) -> None:
        self.running = None


async def test_a_prometheus_that_takes_longer_than_an_interval_is_still_heard() -> None:
    simulation = await serving()
    simulation.reconciler._desk = SlowDesk(simulation, 8)
    simulation.behave(V2, error_rate=0.5)
    await canary(simulation, rollout=rollout(25, hold=30))
    await simulation.live(120)
    assert simulation.outcome("v2") == "RolledBack", words(simulation)


async def test_a_fix_that_never_gets_ready_while_stable_serves_nothing_is_stalled_after_its_deadline() -> None:
    simulation = await serving()
    simulation.behave(V1, never_ready=True)
    await simulation.live(80)
    simulation.behave(V2, never_ready=True)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(progressDeadlineSeconds=30))
    await simulation.live(200)
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_a_stable_version_that_lost_half_of_its_pods_does_not_hold_its_successor_for_ever() -> None:
    simulation = await serving(replicas=10)
    simulation.behave(V1, crash=Crash(pods=frozenset(range(6)), exit_code=1, reason="Error", message="segfault"))
    await simulation.live(30)
    simulation.change_spec(
        model=model_of("v2"), rollout=rollout(10, 50, progressDeadlineSeconds=60, deadlineSeconds=120)
    )
    await simulation.live(600)
    is_stalled = simulation.condition("Stalled")["status"] == "True"
    assert simulation.outcome("v2") == "Promoted" or is_stalled, words(simulation)


async def test_a_baking_version_that_serves_nothing_beside_a_dead_one_is_not_said_to_serve_and_is_stalled() -> None:
    simulation = await baking_v2(progressDeadlineSeconds=60)
    simulation.behave(V1, never_ready=True)
    await simulation.live(5)
    simulation.behave(V2, never_ready=True)
    await simulation.live(200)
    assert "v2 serves all traffic" not in words(simulation)
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_a_retry_never_answers_from_the_job_of_an_attempt_before_it() -> None:
    simulation = await serving()
    simulation.behave(V2, report=NOT_THERE, resolve_after=20)
    simulation.change_spec(model=model_of("v2"))
    await simulation.live(5)
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 100)
    simulation.behave(V2)
    simulation.annotate("retry@2")
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 150)


async def test_pods_that_a_policy_forbids_are_a_persons_to_mend_and_so_stalled() -> None:
    simulation = await serving(analysis=False)
    simulation.workloads.pods_forbidden = 'admission webhook "p.example.com" denied the request: no'
    simulation.change_spec(model=model_of("v2"), rollout=rollout(progressDeadlineSeconds=60))
    await simulation.live(300)
    assert simulation.outcome("v2") == "InProgress"
    assert simulation.condition("Stalled")["status"] == "True", words(simulation)


async def test_endpoints_that_never_follow_a_switch_are_not_told_as_nothing_is_wrong() -> None:
    simulation = await serving(analysis=False)
    await canary(simulation, rollout=rollout(25, progressDeadlineSeconds=60))
    await simulation.live_until(lambda s: phase(s) == "Switching", 200)
    simulation.endpoints_are_late = True
    await simulation.live(400)
    assert phase(simulation) == "Switching"
    told = simulation.condition("Degraded")["status"] == "True" or simulation.condition("Stalled")["status"] == "True"
    assert told, words(simulation)
