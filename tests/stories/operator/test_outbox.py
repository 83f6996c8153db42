"""What is to be told is told once, after it was written down, whatever fails in between."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from tests.support.simulation import (
    Simulation,
    canary,
    serving,
    uri_of,
    with_analysis,
)
from tests.support.simulation.faults import Fault, conflict, unavailable, webhook

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.analysis import AnalysisState, LookRecord, judge_look
from serin_operator.decide.judging.config import config_of

V2 = uri_of("v2")


def ends(outcome: str) -> Callable[[Any], bool]:
    """A status write that says for the first time how v2 ended."""
    return lambda obj: any(
        v["version"] == "v2" and v["outcome"] == outcome for v in obj.get("status", {}).get("versions", [])
    )


def faults(outcome: str) -> dict[str, Fault]:
    makers = {"conflict": conflict, "unavailable": unavailable}
    places: dict[str, dict[str, Any]] = {
        "status": {"verb": "status", "when": ends(outcome)},
        "service": {"verb": "apply", "kind": "Service", "name": "credit-risk", "nth": 2},
        "scale": {"verb": "scale"},
        "delete": {"verb": "delete", "kind": "Deployment"},
        "note": {"verb": "patch", "kind": "ControllerRevision", "nth": 2},
    }
    return {f"{error} at {place}": make(**where) for error, make in makers.items() for place, where in places.items()}


ALL = list(faults(""))


async def ended(outcome: str, fault: Fault) -> tuple[Simulation, list[dict[str, Any]]]:
    simulation = await serving()
    if outcome == "RolledBack":
        simulation.behave(V2, accuracy=0.6)
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        with structlog.testing.capture_logs() as lines:
            await canary(simulation)
            simulation.refuse(fault)
            await simulation.live_until(lambda s: s.outcome("v2") == outcome, 300)
            await simulation.live(60)
    finally:
        structlog.configure(wrapper_class=quiet)
    assert simulation.errors == []
    return simulation, [dict(line) for line in lines]


@pytest.mark.parametrize("fault", ALL)
@pytest.mark.parametrize("outcome", ["Promoted", "RolledBack"])
async def test_the_end_of_a_rollout_is_told_once(outcome: str, fault: str) -> None:
    simulation, lines = await ended(outcome, faults(outcome)[fault])
    told = [message for message in simulation.told(outcome) if message.startswith("v2")]
    assert len(told) == 1, simulation.story[-12:]
    assert sum(line["event"] == "rollout ended" and line["version"] == "v2" for line in lines) == 1


@pytest.mark.parametrize("fault", ["conflict", "unavailable"])
async def test_looks_of_refused_writes_are_in_no_log(fault: str) -> None:
    """Replayed, the log's looks give the evidence that status has."""
    make = conflict if fault == "conflict" else unavailable
    simulation = await serving()
    quiet = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        with structlog.testing.capture_logs() as lines:
            await canary(simulation, rollout={"steps": [{"weight": 25, "holdSeconds": 60}], "bakeSeconds": 0})
            for _ in range(8):
                simulation.refuse(make(verb="status", when=lambda obj: bool(obj["status"].get("canary"))))
                await simulation.live(5)
    finally:
        structlog.configure(wrapper_class=quiet)
    records = [LookRecord.from_dict(r) for line in lines if line["event"] == "look" for r in line["records"]]
    evidence = simulation.status["canary"]["evidence"]
    assert _replayed(records) == dict(evidence["metrics"])


def _replayed(records: list[LookRecord]) -> dict[str, Any]:
    analysis = ModelDeploymentSpec.model_validate(with_analysis("v2")).analysis
    assert analysis is not None
    config, state = config_of(analysis), AnalysisState()
    for record in records:
        state, _ = judge_look(config, state, record.samples, taken_at=record.taken_at)
    return {
        key: {k: list(v) if isinstance(v, tuple) else v for k, v in one.to_dict().items()}
        for key, one in state.metrics.items()
    }


@pytest.mark.parametrize("write", range(0, 24, 2))
@pytest.mark.parametrize("outcome", ["Promoted", "RolledBack"])
async def test_the_end_of_a_rollout_is_told_though_the_operator_dies(outcome: str, write: int) -> None:
    simulation = await serving()
    if outcome == "RolledBack":
        simulation.behave(V2, accuracy=0.6)
    await canary(simulation)
    simulation.writes_until_death = write
    await simulation.live_until(lambda s: s.outcome("v2") == outcome, 300)
    await simulation.live(60)
    assert 1 <= len([m for m in simulation.told(outcome) if m.startswith("v2")]) <= 2, simulation.story[-12:]


async def test_events_that_are_refused_are_told_later_or_never_but_hold_nothing() -> None:
    simulation = await serving()
    simulation.refuse(webhook(verb="event"))
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)


async def test_a_long_retry_is_carried_out_once() -> None:
    simulation = await serving()
    simulation.behave(V2, accuracy=0.5)
    await canary(simulation)
    await simulation.live_until(lambda s: s.outcome("v2") == "RolledBack", 200)
    simulation.behave(V2, accuracy=0.95)
    simulation.annotate("retry@" + "x" * 300)
    await simulation.live_until(lambda s: s.outcome("v2") == "Promoted", 200)
    await simulation.live(60)
    assert len(simulation.told("Retried")) == 1


async def test_a_long_abort_ends_one_rollout_and_not_the_next() -> None:
    simulation = await serving()
    await canary(simulation)
    simulation.annotate("abort@" + "y" * 300)
    await simulation.live_until(lambda s: s.outcome("v2") == "Aborted", 30)
    simulation.change_spec(model={"version": "v3", "uri": uri_of("v3")})
    await simulation.live_until(lambda s: s.outcome("v3") == "Promoted", 200)
    assert len(simulation.told("Aborted")) == 1


async def test_a_long_action_that_is_not_understood_is_told_once() -> None:
    simulation = await serving()
    simulation.annotate("dance@" + "z" * 1000)
    await simulation.live(120)
    assert len(simulation.told("ActionIgnored")) == 1
