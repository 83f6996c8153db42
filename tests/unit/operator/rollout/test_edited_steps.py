"""Steps that people edit in mid-rollout: a version keeps its place by its weight, and is never taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.simulation.specs import rollout, spec

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.api.status_of_rollouts import MetricStatus
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.memory import Memory, Stable
from serin_operator.decide.memory.states import Candidate, Clock, Growing, Holding, Kind, Reaching, Rollout, Starting
from serin_operator.decide.observing import prepared
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.world import ModelDeployment, OperatorConfig, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=1)
CANARY = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, EARLIER)
CLOCK = Clock(EARLIER, waited=3.0, held=4.0, analysed=5.0, best=2)
FRESH = replace(CLOCK, waited=0.0, held=0.0, best=0)
AT_25, AT_50 = (Holding(CANARY, CLOCK, stage, EARLIER) for stage in (0, 1))
TO_25 = Reaching(CANARY, CLOCK, 0, EARLIER, weight=25)
TO_50 = Reaching(CANARY, CLOCK, 1, EARLIER, in_force=0, weight=50)
GROWING = Growing(CANARY, CLOCK, 1)

TABLE: list[tuple[str, Rollout, int | None, tuple[int, ...], Rollout]] = [
    ("nothing was edited", AT_25, 25, (25, 50), AT_25),
    ("a step before it is new: it is where it was", AT_25, 25, (10, 25, 50), replace(AT_25, stage=1)),
    ("a step behind it is new", AT_25, 25, (25, 30, 50), AT_25),
    ("its step is gone, and the next has more: it goes there", AT_25, 25, (10, 40), Reaching(CANARY, FRESH, 1, NOW, 1, weight=40)),
    ("its weight is raised", AT_25, 25, (30, 50), Reaching(CANARY, FRESH, 0, NOW, 0, weight=30)),
    ("every step has less: it keeps the last", AT_50, 50, (10, 20), replace(AT_50, stage=1)),
    ("there are fewer steps, and none has as much", AT_50, 50, (10,), replace(AT_50, stage=0)),
    ("there are fewer steps, and one has as much", AT_50, 50, (50,), replace(AT_50, stage=0)),
    ("nobody remembers its weight, and it has a step", AT_25, None, (10, 20), AT_25),
    ("nobody remembers its weight, and there are fewer", AT_50, None, (10,), replace(AT_50, stage=0)),
    ("on its way, nothing was edited", TO_50, 25, (25, 50), TO_50),
    ("on its way, a step before it is new", TO_50, 25, (10, 25, 50), replace(TO_50, stage=2)),
    ("on its way, its step has another weight", TO_25, None, (30, 50), replace(TO_25, stage=0, weight=30)),
    ("on its way, the steps before it are gone", TO_50, 25, (50,), replace(TO_50, stage=0, in_force=0)),
    ("on its way from a step that is there no more", replace(TO_50, in_force=1, stage=2, weight=90), 50, (90,), replace(TO_50, in_force=0, stage=0, weight=90)),
    ("on its way, nobody remembers to which weight", replace(TO_50, weight=None), 25, (10, 20), replace(TO_50, weight=None)),
    ("the same, and there are fewer", replace(TO_50, weight=None, in_force=1), 25, (10,), replace(TO_50, stage=0, weight=None, in_force=0)),
    ("the same, on its way to its first traffic", replace(TO_50, weight=None, in_force=None), 25, (10,), replace(TO_50, stage=0, weight=None, in_force=None)),
    ("one that grows goes on", GROWING, 50, (25, 50), GROWING),
    ("one that grows had the last step", GROWING, 50, (25,), replace(GROWING, stage=0)),
    ("before traffic it does not matter", Starting(CANARY, CLOCK), None, (10,), Starting(CANARY, CLOCK)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "in_force", "weights", "then"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_where_it_is_then(state: Rollout, in_force: int | None, weights: tuple[int, ...], then: Rollout) -> None:
    assert after(state, in_force, ModelDeploymentSpec.model_validate(spec("v2", rollout=rollout(*weights)))) == then


@pytest.mark.parametrize(
    ("state", "clock"),
    [(AT_25, replace(CLOCK, held=0.0)), (TO_50, replace(CLOCK, held=0.0)), (GROWING, CLOCK)],
    ids=["at a step", "on its way to one", "one that grows already"],
)
def test_without_steps_it_grows(state: Rollout, clock: Clock) -> None:
    without = ModelDeploymentSpec.model_validate(spec("v2", rollout={"strategy": "Immediate"}))
    assert after(state, 25, without) == Growing(CANARY, clock, 0)


def test_results_are_forgotten_with_the_analysis() -> None:
    row = MetricStatus(metric="errors", verdict="Pass", reason="NoWorse", message="fine")
    known = Comparison(results=(row,), evidence={"metrics": {}}, since=EARLIER)
    of = ModelDeploymentSpec.model_validate(spec("v2"))
    memory = Memory(Stable("v1", "rev1", "ab"), comparison=known)
    assert prepared(world(of), memory, settings_of(of)).comparison == Comparison(since=EARLIER)
    analysed = ModelDeploymentSpec.model_validate(
        spec("v2", analysis={"metrics": [{"name": "errors", "errorRate": {}}]})
    )
    assert prepared(world(analysed), memory, settings_of(analysed)) == memory


def after(state: Rollout, in_force: int | None, of: ModelDeploymentSpec) -> Rollout:
    memory = Memory(Stable("v1", "rev1", "ab"), state, Comparison(stage_weight=in_force))
    return prepared(world(of), memory, settings_of(of)).rollout


def world(of: ModelDeploymentSpec) -> World:
    mdep = ModelDeployment("scoring", "credit", "uid", 1, "1", {}, of, ModelDeploymentStatus())
    return World(now=NOW, config=OperatorConfig(serving_image="i"), mdep=mdep)
