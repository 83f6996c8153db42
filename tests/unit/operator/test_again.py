"""When a ModelDeployment is looked at again though nothing happens: in seconds, from the least that is needed."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.simulation.specs import rollout, spec

from serin_operator.api.reasons import Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.again import again_of, waited_for
from serin_operator.decide.child import ChildMeta
from serin_operator.decide.looks import Span
from serin_operator.decide.memory.comparison import Comparison
from serin_operator.decide.memory.guard import Guard
from serin_operator.decide.memory.memory import Floor, Memory, Stable
from serin_operator.decide.memory.outbox import Announcement, Letter, Line, Notice
from serin_operator.decide.memory.states import (
    Baking,
    Candidate,
    Clock,
    Growing,
    Holding,
    Idle,
    Kind,
    Outage,
    Reaching,
    Refusal,
    Rollout,
    Waiting,
)
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.world import Deployment, ModelDeployment, OperatorConfig, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


ANALYSIS = {"intervalSeconds": 30, "metrics": [{"name": "errors", "errorRate": {}}]}
STEPS = rollout(25, 50, hold=600, bakeSeconds=200)
SPEC = ModelDeploymentSpec.model_validate(spec("v2", analysis=ANALYSIS, rollout=STEPS, guard={"seconds": 100}))
LOGGED = ModelDeploymentSpec.model_validate(spec("v2", predictionLog={"store": "s3://bucket/log", "sample": 0.1}))
CANARY = Candidate("rev2", "v2", "http://m/v2", Kind.CANARY, ago(900))
STABLE = Stable("v1", "rev1", "ab")
CALM = Comparison(since=ago(300), look_from=ago(200), changes=(Span(ago(210), ago(60)),))
MOVES, RESTS = Waiting(Reason.DEPLOYING, "pods start"), Waiting(Reason.SERVING, "it serves", is_moving=False)
TROUBLED = replace(RESTS, degraded=Refusal(Reason.IMAGE_PULL_FAILED, "no image"))


def held(seconds: float, **clock: float) -> Holding:
    return Holding(CANARY, Clock(NOW, held=seconds, **clock), 0, ago(900))


def baked(seconds: float) -> Baking:
    return Baking(CANARY, Clock(NOW, held=seconds))


EVENT, LINE = Letter("a", Announcement("Promoted", "v2")), Letter("b", Line("look"))
NOTICE = Letter("c", Notice("Promoted", "Promoted", "v2", ("chat",), NOW))
GUARD = Guard("rev2", "v2", "rev1", "v1", ago(40), ago(1))


@dataclass(frozen=True)
class Row:
    sentence: str
    after: float | None
    state: Rollout = field(default_factory=Idle)
    waiting: Waiting = RESTS
    memory: dict[str, Any] = field(default_factory=dict)
    world: dict[str, Any] = field(default_factory=dict)
    told_before: tuple[Letter, ...] = ()


COLLECTOR = Deployment(ChildMeta("apps/v1", "Deployment", "c", "u", "1", owned=True, created_at=NOW), 1, 0, 0, True)
AUTOSCALED = {"autoscalers": {"credit-rev1": "hpa"}}
STEADY = replace(CALM, changes=(), look_from=None)
TABLE = [
    Row("nothing moves: only events", None),
    Row("something moves", 5.0, waiting=MOVES),
    Row("requests reach nobody", 5.0, memory={"outage": Outage(NOW)}),
    Row("status was lost", 5.0, memory={"rebuilt_at": ago(3)}),
    Row("pods come down step by step", 5.0, memory={"floor": Floor(5, NOW)}),
    Row("an autoscaler may go", 30.0, world=AUTOSCALED),
    Row("the nearest of them counts", 5.0, waiting=MOVES, world=AUTOSCALED),
    Row("predictions are not written down", 30.0, world={"collector": COLLECTOR, "spec": LOGGED}),
    Row("predictions are", None, world={"collector": replace(COLLECTOR, available=1), "spec": LOGGED}),
    Row("an Event is told at once, and leaves status", 0.2, memory={"outbox": (EVENT,)}),
    Row("one that was there before is waited for", 5.0, memory={"outbox": (EVENT,)}, told_before=(EVENT,)),
    Row("one of two is new", 0.2, memory={"outbox": (EVENT, LINE)}, told_before=(EVENT,)),
    Row("whoever delivers notices says so", None, memory={"outbox": (NOTICE,)}),
    Row("a guard that ends", 60.0, memory={"guard": GUARD}),
    Row("one that has ended", 0.2, memory={"guard": replace(GUARD, since=ago(200))}),
    Row("lines of a guard wait for the next write", 60.0, memory={"guard": GUARD, "outbox": (LINE,)}),
    Row("its Events do not", 0.2, memory={"guard": GUARD, "outbox": (LINE, EVENT)}),
    Row("shares that have just become so, in a guard", 1.0, memory={"guard": GUARD, "comparison": replace(STEADY, steady_from=ago(1.9))}),
    Row("shares that have been so for two seconds", 60.0, memory={"guard": GUARD, "comparison": replace(STEADY, steady_from=ago(2))}),
    Row("a rollout on its way", 5.0, Growing(CANARY, Clock(NOW), 1)),
    Row("a weight that has just come into force", 1.0, Reaching(CANARY, Clock(NOW), 0, NOW, steady=ago(1))),
    Row("a weight that has been in force for a while", 5.0, Reaching(CANARY, Clock(NOW), 0, NOW, steady=ago(3))),
    Row("shares that have just become so", 1.0, Growing(CANARY, Clock(NOW), 1), memory={"comparison": replace(STEADY, steady_from=ago(1))}),
    Row("a version that has just gone dark", 1.0, Baking(CANARY, Clock(NOW, dark=0.001)), memory={"comparison": STEADY}),
    Row("one that has been dark for long", 5.0, Baking(CANARY, Clock(NOW, dark=5.0)), memory={"comparison": STEADY}),
    Row("a calm hold of ten minutes: a twentieth of it", 30.0, held(10)),
    Row("a calm hold that is nearly over: its end", 12.0, held(588)),
    Row("a calm hold that is over in a moment", 0.2, held(599.9)),
    Row("a calm hold whose time is over", 30.0, held(600)),
    Row("a calm hold whose deadline is near", 7.0, held(10, analysed=7193.0)),
    Row("a calm bake", 10.0, baked(10)),
    Row("a short bake that is calm: never more often than usual", 5.0, replace(baked(0), candidate=CANARY), world={"spec": ModelDeploymentSpec.model_validate(spec("v2", rollout=rollout(25, bakeSeconds=60)))}),
    Row("very long holds are looked at within forty seconds", 40.0, held(10), world={"spec": ModelDeploymentSpec.model_validate(spec("v2", rollout=rollout(25, hold=3600)))}),
    *(
        Row(f"a hold is not calm {why}", 5.0, state, waiting, {"comparison": CALM, **more})
        for why, state, waiting, more in (
            ("while something is the matter", held(10), TROUBLED, {}),
            ("while pods are waited for", held(10, waited=1.0), RESTS, {}),
            ("in the dark", held(10, dark=6.0), RESTS, {}),
            ("while requests reach nobody", held(10), RESTS, {"outage": Outage(NOW)}),
            ("after status was lost", held(10), RESTS, {"rebuilt_at": NOW}),
            ("before its look has begun", held(10), RESTS, {"comparison": STEADY}),
            ("shortly after a change", held(10), RESTS, {"comparison": replace(CALM, changes=(Span(ago(90), ago(59)),))}),
        )
    ),
    Row("a hold without any change is calm", 30.0, held(10), memory={"comparison": replace(CALM, changes=())}),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_when_it_is_looked_at_again(row: Row) -> None:
    seen, of = world_of(**row.world)
    memory = Memory(**{"stable": STABLE, "rollout": row.state, "comparison": CALM, **row.memory})
    before = replace(memory, outbox=row.told_before)
    again = again_of(seen, memory, before, settings_of(of), row.waiting, is_blocked=True)
    assert again.after == again.meanwhile
    assert (again.after, again.look) == (None if row.after is None else pytest.approx(row.after), None)


@pytest.mark.parametrize(
    ("taken", "after", "look_after"),
    [(10, 20.0, 20.0), (29.9, 0.2, 0.1), (100, 0.2, 0.0), (0, 30.0, 30.0)],
)
def test_a_look_that_is_due_before_counts_too(taken: float, after: float, look_after: float) -> None:
    seen, of = world_of()
    memory = Memory(stable=STABLE, rollout=held(10), comparison=replace(CALM, taken_at=ago(taken), is_ripe=True))
    again = again_of(seen, memory, memory, settings_of(of), RESTS, is_blocked=False)
    assert again.look is not None
    assert (again.after, again.look_after, again.meanwhile) == pytest.approx((after, look_after, 30.0))


@pytest.mark.parametrize(
    ("state", "seconds"), [(held(3), 600), (replace(held(3), stage=7), 0.0), (baked(3), 200), (Idle(), 0.0)]
)
def test_how_long_a_state_lasts_at_least(state: Rollout, seconds: float) -> None:
    assert waited_for(Memory(rollout=state), settings_of(SPEC)) == seconds


def world_of(*, spec: ModelDeploymentSpec = SPEC, **more: Any) -> tuple[World, ModelDeploymentSpec]:
    mdep = ModelDeployment("scoring", "credit", "uid", 1, "1", {}, spec, ModelDeploymentStatus())
    config = OperatorConfig(serving_image="i", prometheus_configured=True, scrape_interval_seconds=5.0)
    return World(now=NOW, config=config, mdep=mdep, **more), spec
