"""Whether a version serves, to the edges of its times and sizes: one row a case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.simulation import spec

from serin_operator.api.reasons import Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import Condition, ModelDeploymentStatus
from serin_operator.decide.health.clocks import clock_skew
from serin_operator.decide.health.scaling import (
    counted_pods,
    has_everything,
    scaling_beside,
    scaling_of,
    serving_pods,
    was_ready,
)
from serin_operator.decide.health.serving import is_down, outage_of, stable_trouble
from serin_operator.decide.memory.memory import Memory, Scaling, Stable
from serin_operator.decide.memory.states import Baking, Candidate, Clock, Growing, Kind, Outage, Rollout, Switching
from serin_operator.decide.pod import Pod
from serin_operator.decide.wanted.settings import settings_of
from serin_operator.decide.world import (
    BornRevision,
    ChildMeta,
    Deployment,
    ModelDeployment,
    OperatorConfig,
    Revision,
    World,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPEC = ModelDeploymentSpec.model_validate(spec("v1", replicas=8))
SETTINGS = settings_of(SPEC)
OURS = SETTINGS.revision
MEMORY = Memory(Stable("v1", OURS, "ab" * 32))
PATIENCE = SETTINGS.progress_deadline_seconds
CANDIDATE, CLOCK = Candidate("rev2", "v2", "u", Kind.CANARY, NOW), Clock(NOW)
META = ChildMeta("apps/v1", "Deployment", f"m-{OURS}", "u", "1", owned=True, created_at=NOW)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def world(
    ready: int,
    of: int | None = None,
    *,
    reached: int | None = None,
    said: int = 0,
    is_ready: bool = True,
    hpa: bool = False,
) -> World:
    """So many ready pods of stable, of a Deployment of so many, of which clients reach some; what status said before."""
    pods = tuple(Pod(f"p{n}", OURS, "server", "Running", True, False, 0, ago(60)) for n in range(ready))
    deployment = None if of is None else Deployment(META, of, ready, ready, True)
    ready_so_far = Condition.model_construct(type="Ready", status=str(is_ready))
    status = ModelDeploymentStatus.model_construct(replicas=said, conditions=[ready_so_far])
    return World(
        NOW,
        OperatorConfig("i"),
        ModelDeployment("ns", "m", "uid", 1, "1", {}, SPEC, status),
        revisions={OURS: Revision(OURS, deployment=deployment, pods=pods)},
        endpoints=frozenset(pod.name for pod in pods[: ready if reached is None else reached]),
        autoscalers={META.name: "hpa"} if hpa else {},
    )


@pytest.mark.parametrize(
    ("seen", "before", "after"),
    [
        pytest.param(world(4, 8, said=4), None, Scaling(4, NOW), id="it begins where status says Ready with fewer"),
        pytest.param(world(4, 8, said=4, is_ready=False), None, None, id="it was not ready before"),
        pytest.param(world(4, 8, said=0), None, None, id="it was of no pods before"),
        pytest.param(world(4, 8, said=8), None, None, id="no more are wanted than there were: some were lost"),
        pytest.param(world(5, 8), Scaling(4, ago(60)), Scaling(5, NOW), id="one more has come"),
        pytest.param(world(4, 8), Scaling(4, ago(60)), Scaling(4, ago(60)), id="none has come yet"),
        pytest.param(world(3, 8), Scaling(4, ago(60)), Scaling(4, ago(60)), id="one was lost meanwhile"),
        pytest.param(world(6, 8), Scaling(4, ago(60)), None, id="enough serve"),
        pytest.param(world(4, 8), Scaling(8, ago(60)), None, id="fewer are wanted meanwhile"),
        pytest.param(world(4, 8), Scaling(4, ago(PATIENCE)), None, id="none has come for the whole time"),
        pytest.param(world(4, 8), Scaling(4, ago(PATIENCE - 1)), Scaling(4, ago(PATIENCE - 1)), id="a second less"),
        pytest.param(world(4, 8), Scaling(4, ago(-60)), Scaling(4, NOW), id="the clock was set back"),
        pytest.param(world(4, 4, hpa=True), Scaling(2, ago(60)), None, id="an autoscaler wants as many as there are"),
        pytest.param(
            world(4, 9, reached=2), Scaling(3, ago(9)), Scaling(3, ago(9)), id="ready pods that nobody reaches"
        ),
    ],
)
def test_ready_counts_the_pods_that_there_were_until_those_that_were_added_have_come(
    seen: World, before: Scaling | None, after: Scaling | None
) -> None:
    assert scaling_of(seen, replace(MEMORY, scaling=before), SETTINGS) == after


@pytest.mark.parametrize(
    ("seen", "before", "wanted", "after"),
    [
        pytest.param(world(4, 4), None, 6, Scaling(4, NOW), id="stable is whole and more are wanted"),
        pytest.param(world(3, 4), None, 6, None, id="a pod of it is lost"),
        pytest.param(world(4, 4), None, 4, None, id="no more are wanted"),
        pytest.param(world(0, 0), None, 4, None, id="it sleeps"),
        pytest.param(world(0, None), None, 4, None, id="it has no Deployment"),
        pytest.param(world(1, 1), None, 2, Scaling(1, NOW), id="it is of one pod"),
        pytest.param(world(5, 6), Scaling(4, ago(60)), 6, Scaling(5, NOW), id="one more has come"),
        pytest.param(world(4, 6), Scaling(4, ago(60)), 6, Scaling(4, ago(60)), id="none has come yet"),
        pytest.param(world(6, 6), Scaling(4, ago(60)), 6, None, id="all have come"),
        pytest.param(world(4, 6), Scaling(6, ago(60)), 6, None, id="fewer are wanted meanwhile"),
        pytest.param(world(4, 6), Scaling(4, ago(PATIENCE)), 6, None, id="none has come for the whole time"),
        pytest.param(world(4, 6), Scaling(4, ago(-60)), 6, Scaling(4, NOW), id="the clock was set back"),
    ],
)
def test_stable_beside_a_canary_may_grow_in_peace_too(
    seen: World, before: Scaling | None, wanted: int, after: Scaling | None
) -> None:
    assert scaling_beside(seen, replace(MEMORY, scaling=before), SETTINGS, wanted) == after


@pytest.mark.parametrize(
    ("rollout", "revision"),
    [
        (MEMORY.rollout, OURS),
        (Growing(CANDIDATE, CLOCK, 1), None),
        (Switching(CANDIDATE, CLOCK), "rev2"),
        (Baking(CANDIDATE, CLOCK), "rev2"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_all_traffic_is_meant_for_one_version_at_rest_and_after_the_switch(
    rollout: Rollout, revision: str | None
) -> None:
    memory = replace(MEMORY, rollout=rollout)
    assert has_everything(memory) == revision
    assert scaling_of(world(4, 8, said=4), memory, SETTINGS) == (Scaling(4, NOW) if revision == OURS else None)


def test_of_what_serves_only_the_pods_count_that_are_available_and_reached() -> None:
    assert [serving_pods(world(4, 4, reached=n), OURS) for n in (0, 2, 4)] == [0, 2, 4]
    assert serving_pods(world(4, None), OURS) == 0
    assert [was_ready(world(1, 1, is_ready=each)) for each in (True, False)] == [True, False]


@pytest.mark.parametrize(("scaling", "count"), [(None, 6), (Scaling(4, NOW), 3), (Scaling(20, NOW), 6)])
def test_a_version_counts_as_ready_with_three_quarters_of_its_pods(scaling: Scaling | None, count: int) -> None:
    assert counted_pods(world(4, 8), replace(MEMORY, scaling=scaling), SETTINGS, OURS) == count


@pytest.mark.parametrize(
    ("seen", "before", "after"),
    [
        pytest.param(world(0, 4), None, Outage(NOW), id="it begins"),
        pytest.param(world(0, 0), None, Outage(NOW, is_waking=True), id="it wakes from no pods"),
        pytest.param(world(0, None), None, Outage(NOW), id="nothing is left of it"),
        pytest.param(world(1, 4), Outage(ago(5), 30.0), None, id="a pod is reached"),
        pytest.param(world(1, 4, reached=0), Outage(ago(5), 30.0), None, id="a pod is ready, and the way to it broken"),
        pytest.param(world(0, 4), Outage(ago(5), 30.0), Outage(NOW, 35.0), id="it goes on"),
        pytest.param(world(0, 4), Outage(ago(5), 58.0), Outage(NOW, 60.0), id="a minute is all that is counted"),
        pytest.param(world(0, 4), Outage(ago(-5), 30.0), Outage(NOW, 30.0), id="the clock was set back"),
        pytest.param(
            world(0, 4), Outage(ago(5), 90.0, is_waking=True), Outage(NOW, 95.0, is_waking=True), id="it still wakes"
        ),
        pytest.param(
            world(0, 4), Outage(ago(5), PATIENCE - 5.0, is_waking=True), Outage(NOW, 60.0), id="it has had time to wake"
        ),
    ],
)
def test_an_outage_is_counted_in_observed_seconds(seen: World, before: Outage | None, after: Outage | None) -> None:
    assert outage_of(seen, replace(MEMORY, outage=before), SETTINGS) == after


def test_where_nothing_is_to_serve_or_another_version_does_there_is_no_outage() -> None:
    asleep = settings_of(ModelDeploymentSpec.model_validate(spec("v1", replicas=0)))
    assert outage_of(world(0, 4), MEMORY, asleep) is None
    assert outage_of(world(0, 4), Memory(), SETTINGS) is None
    assert outage_of(world(0, 4), replace(MEMORY, rollout=Baking(CANDIDATE, CLOCK)), SETTINGS) is None


@pytest.mark.parametrize(
    ("outage", "is_it"),
    [
        pytest.param(None, False, id="no outage"),
        pytest.param(Outage(NOW, 59.9), False, id="not a minute yet"),
        pytest.param(Outage(NOW, 60.0), True, id="a minute"),
        pytest.param(Outage(NOW, 60.0, is_waking=True), False, id="it wakes"),
    ],
)
def test_stable_is_down_after_a_minute_without_a_pod_that_is_reached(outage: Outage | None, is_it: bool) -> None:
    memory = replace(MEMORY, outage=outage)
    assert is_down(world(0, 4), memory) is is_it
    assert not is_down(world(0, 4), replace(memory, rebuilt_at=NOW))


def test_stable_is_down_at_once_where_nothing_is_left_that_could_be_started() -> None:
    assert is_down(world(0, None), MEMORY)
    assert not is_down(world(1, None), MEMORY)
    born = BornRevision(META, 1, "v1", "u", "ab" * 32, {})
    startable = replace(world(0, None), revisions={OURS: Revision(OURS, born)})
    assert not is_down(startable, MEMORY)
    assert not is_down(world(0, None), Memory())


@pytest.mark.parametrize(
    ("ready", "scaling", "said"),
    [
        (4, None, None),
        (5, None, None),
        (3, None, "v1 serves on 3 of 4 pods; the others start"),
        (0, None, "v1 is ready on none of 4 pods; the others start"),
        (3, Scaling(3, NOW), None),
        (2, Scaling(3, NOW), "v1 serves on 2 of 4 pods; the others start"),
    ],
)
def test_what_stable_lacks_is_told_unless_pods_were_added(
    ready: int, scaling: Scaling | None, said: str | None
) -> None:
    found = stable_trouble(world(ready, 4), replace(MEMORY, scaling=scaling), 4)
    assert (found.message if found else "").startswith(said or "")
    assert (found is None) == (said is None)
    assert found is None or found.reason is Reason.PODS_NOT_READY
    baking = stable_trouble(world(ready, 4), replace(MEMORY, scaling=scaling, rollout=Baking(CANDIDATE, CLOCK)), 4)
    assert (baking is None) == (ready >= 4)


@pytest.mark.parametrize(("seconds", "is_told"), [(10, False), (11, True), (-60, False)])
def test_a_pod_from_the_future_tells_of_a_clock_that_is_behind(seconds: int, is_told: bool) -> None:
    seen = world(2, 2)
    old, new = seen.revisions[OURS].pods
    pods = (replace(new, created_at=NOW + timedelta(seconds=seconds)), old)
    said = list(clock_skew(replace(seen, revisions={OURS: replace(seen.revisions[OURS], pods=pods)})))
    assert [each.reason for each in said] == [Reason.CLOCK_SKEW] * is_told
    assert list(clock_skew(replace(seen, revisions={}))) == []
