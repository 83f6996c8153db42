"""After a promotion the comparison goes on (``spec.guard``): one that was promoted and decays goes back, one that stays is let be."""

from typing import Any

import pytest
from tests.support.simulation import (
    GATEWAY,
    Simulation,
    behind_gateway,
    behind_route,
    canary,
    deployment_of,
    model_of,
    rollout,
    serving,
    uri_of,
    wanted_pods,
    words,
)
from tests.support.simulation.receivers import Receiver

from serin_operator.observe.prometheus_client import Series

SIGNED = {"feedback": {"signing": "Managed"}}
ACCURACY = {"name": "accuracy", "accuracy": {"maxDecrease": 0.02}}
ERRORS = {"name": "errors", "errorRate": {}}
GUARD = {"seconds": 240}


def judged_by(*metrics: dict[str, Any], sample: float | None = 1.0) -> dict[str, Any]:
    pairing = {} if sample is None else {"pairing": {"sample": sample}}
    return {"intervalSeconds": 5, "minSamples": 50, "metrics": list(metrics or (ERRORS, ACCURACY)), **pairing}


async def promoted(
    guard: dict[str, Any] | None = None,
    *,
    sample: float | None = 1.0,
    report: dict[str, Any] | None = None,
    **fields: Any,
) -> Simulation:
    """v2 is promoted after v1, and watched from now on."""
    simulation = await serving(calm=20, analysis=False, tells_pairs=True, serving=SIGNED)
    simulation.behave(uri_of("v2"), report=report)
    simulation.change_spec(analysis=judged_by(sample=sample), guard={**GUARD, **(guard or {})}, **fields)
    await canary(simulation, rollout=fields.get("rollout", rollout(50, hold=5, bakeSeconds=5)))
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    return simulation


def guard_of(simulation: Simulation) -> dict[str, Any]:
    found: dict[str, Any] = simulation.status.get("guard") or {}
    return found


def row_of(simulation: Simulation, name: str) -> dict[str, Any]:
    return next((row for row in guard_of(simulation).get("analysis") or [] if row["metric"] == name), {})


def decays(simulation: Simulation, version: str = "v2", **how: Any) -> None:
    simulation.behave(uri_of(version), **(how or {"accuracy": 0.7, "differs": 0.25}))


async def test_a_version_that_decays_after_its_promotion_is_restored_and_it_is_said_why() -> None:
    simulation = await promoted()
    await simulation.live(60)
    assert guard_of(simulation)["verdict"] == "Pass"
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    assert simulation.outcome("v2") == "RolledBack"
    entry = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert entry["reason"] == "GuardFailed"
    assert "pairs" in entry["message"]
    (failed,) = simulation.told("GuardFailed")
    assert failed.startswith("v2: accuracy: ")
    assert "v1 comes back at once" in failed
    await simulation.live(30)
    assert simulation.condition("Stalled")["reason"] == "GuardFailed"
    assert simulation.condition("Degraded")["reason"] == "GuardFailed"
    assert "guard" not in simulation.status
    assert simulation.lost == 0


async def test_channels_hear_that_a_guard_failed_and_that_the_version_was_rolled_back() -> None:
    simulation = await serving(
        calm=20,
        analysis=False,
        tells_pairs=True,
        serving=SIGNED,
        receivers={"ops": Receiver()},
        notify=({"channel": "ops"},),
    )
    simulation.change_spec(analysis=judged_by(), guard=GUARD)
    await canary(simulation, rollout=rollout(50, hold=5, bakeSeconds=5))
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    await simulation.live(20)
    assert simulation.receivers["ops"].heard[1:] == ["Promoted v2", "GuardFailed v2", "Promoted v1", "RolledBack v2"]


async def test_what_was_rejected_by_its_guard_stays_so_until_somebody_says_retry_and_then_takes_its_steps() -> None:
    simulation = await promoted()
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    simulation.change_spec(paused=False)
    await simulation.live(60)
    assert simulation.stable == "v1"
    decays(simulation, accuracy=0.9)
    simulation.annotate("retry@monday")
    await simulation.live_until(lambda s: (s.status.get("canary") or {}).get("kind") == "Canary", 60)
    await simulation.live_until(lambda s: s.stable == "v2", 300)
    assert guard_of(simulation)["version"] == "v2"


async def test_a_version_that_stays_good_is_let_be_and_the_one_before_goes_at_the_end() -> None:
    simulation = await promoted()
    await simulation.live(200)
    assert guard_of(simulation)["verdict"] == "Pass"
    assert wanted_pods(simulation, "v1") == 1
    await simulation.live_until(lambda s: "guard" not in s.status, 120)
    (said,) = simulation.told("GuardEnded")
    assert "its time is over; errors: of " in said
    await simulation.live(60)
    assert deployment_of(simulation, "v1") is None
    assert simulation.stable == "v2"
    assert "credit-risk-control" not in {service["metadata"]["name"] for service in simulation.of_kind("Service")}
    assert simulation.told("GuardFailed") == []


async def test_a_guard_that_finds_nothing_new_writes_status_every_few_minutes_only() -> None:
    simulation = await promoted({"seconds": 3600})
    await simulation.live(60)
    before, looks = simulation.written("status"), len(simulation.reconciles)
    await simulation.live(650)
    assert 1 <= simulation.written("status") - before <= 3
    assert len(simulation.reconciles) - looks <= 650 / 5 + 20


async def test_one_that_only_tells_says_so_once_and_serves_on() -> None:
    simulation = await promoted({"onFailure": "Notify"})
    decays(simulation)
    await simulation.live_until(lambda s: guard_of(s).get("verdict") == "Fail", 300)
    await simulation.live(120)
    (failed,) = simulation.told("GuardFailed")
    assert "it serves on, as spec.guard.onFailure says" in failed
    assert simulation.stable == "v2"
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.condition("Degraded")["reason"] == "GuardFailed"
    assert simulation.condition("Stalled")["status"] == "False"
    simulation.restart_operator()
    await simulation.live_until(lambda s: "guard" not in s.status, 600)
    assert simulation.condition("Degraded")["reason"] == "GuardFailed"
    assert len(simulation.told("GuardFailed")) == 1
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    assert simulation.condition("Degraded")["status"] == "False"


async def test_without_pairs_nothing_is_compared_and_that_is_said_whatever_the_version_does() -> None:
    simulation = await promoted(sample=None)
    decays(simulation, error_rate=0.3, accuracy=0.5)
    await simulation.live(120)
    assert simulation.stable == "v2"
    assert guard_of(simulation)["verdict"] == "Inconclusive"
    assert "v1, the version before, keeps no pod" in guard_of(simulation)["message"]
    for name in ("errors", "accuracy"):
        assert row_of(simulation, name)["reason"] == "NothingToCompare"
        assert "pairs (spec.analysis.pairing, guard.keepPrevious)" in row_of(simulation, name)["message"]
    assert wanted_pods(simulation, "v1") == 0


async def test_what_a_version_has_to_be_by_itself_judges_without_pairs_and_without_the_version_before() -> None:
    simulation = await promoted(sample=None)
    least = {"name": "least", "accuracy": {"minimum": 0.85}}
    simulation.change_spec(analysis=judged_by(ERRORS, least, sample=None), guard={**GUARD, "keepPrevious": 0})
    await simulation.live_until(lambda s: row_of(s, "least").get("verdict") == "Pass", 60)
    assert row_of(simulation, "errors")["reason"] == "NothingToCompare"
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 120)
    assert "may be bad" in simulation.told("GuardFailed")[0]


async def test_a_version_that_falls_below_the_simple_baseline_goes_back_by_its_labels_alone() -> None:
    simulation = await promoted(
        {"mustBeat": "SimpleBaseline", "keepPrevious": 0, "metrics": ["errors"]},
        sample=None,
        report={"ok": True, "sha256": "b" * 64, "measured": {"simpleAccuracy": 0.8}},
        preflight={"baseline": {"mustBeat": "SimpleBaseline"}},
    )
    await simulation.live_until(lambda s: row_of(s, "mustBeat").get("verdict") == "Pass", 60)
    assert "not judged" not in guard_of(simulation)["message"]
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 120)
    assert "at most 20.0 % may be bad" in simulation.told("GuardFailed")[0]


async def test_a_version_that_fails_requests_alone_is_found_by_pairs_of_errors() -> None:
    simulation = await promoted({"metrics": ["errors"]})
    assert [row["metric"] for row in guard_of(simulation).get("analysis", [])] in ([], ["errors"])
    decays(simulation, error_rate=0.05)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    assert simulation.told("GuardFailed")[0].startswith("v2: errors: ")


async def test_a_metric_that_the_guard_does_not_name_blames_nobody() -> None:
    simulation = await promoted({"metrics": ["errors"]})
    decays(simulation)
    await simulation.live(120)
    assert simulation.stable == "v2"
    assert [row["metric"] for row in guard_of(simulation)["analysis"]] == ["errors"]


async def test_a_new_version_ends_the_guard_and_the_version_before_goes() -> None:
    simulation = await promoted()
    await simulation.live(30)
    await canary(simulation, "v3")
    assert "guard" not in simulation.status
    (said,) = simulation.told("GuardEnded")
    assert said == "v2 is no longer compared with v1: v3 is rolled out"
    assert deployment_of(simulation, "v1") is None
    await simulation.live_until(lambda s: s.stable == "v3", 300)
    assert (guard_of(simulation)["version"], guard_of(simulation)["previous"]) == ("v3", "v2")


async def test_a_pause_does_not_keep_a_guard_from_going_back() -> None:
    simulation = await promoted()
    simulation.change_spec(paused=True)
    await simulation.live(10)
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)


async def test_a_person_goes_back_in_mid_guard_and_it_is_held_as_ever() -> None:
    simulation = await promoted()
    simulation.annotate("rollback=v1@1")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    await simulation.live(30)
    assert "guard" not in simulation.status
    assert simulation.condition("Stalled")["reason"] == "HeldByRollback"
    assert simulation.outcome("v2") == "Promoted"
    assert simulation.lost == 0


async def test_the_version_before_is_no_part_of_the_scale_and_sleeps_with_what_serves() -> None:
    simulation = await promoted()
    simulation.kubectl_scale(5)
    await simulation.live(30)
    assert (simulation.status["replicas"], wanted_pods(simulation, "v2"), wanted_pods(simulation, "v1")) == (5, 5, 1)
    simulation.kubectl_scale(0)
    await simulation.live(30)
    assert (wanted_pods(simulation, "v2"), wanted_pods(simulation, "v1")) == (0, 0)
    assert simulation.condition("Ready")["reason"] == "ScaledToZero"
    began = len(simulation.reconciles)
    await simulation.live(60)
    assert len(simulation.reconciles) - began < 30
    simulation.kubectl_scale(2)
    await simulation.live(30)
    assert (wanted_pods(simulation, "v2"), wanted_pods(simulation, "v1")) == (2, 1)
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    assert wanted_pods(simulation, "v1") == 2


async def test_a_version_before_that_is_never_ready_blocks_nothing_and_is_named() -> None:
    simulation = await promoted(rollout=rollout(50, hold=5, bakeSeconds=0))
    simulation.behave(uri_of("v1"), never_ready=True)
    for pod in simulation.pods_of(guard_of(simulation)["previousRevision"]):
        simulation.remove(pod)
    await simulation.live(120)
    assert "none of its pods is ready" in guard_of(simulation)["message"]
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.condition("Reconciling")["status"] == "False"
    assert simulation.condition("Degraded")["status"] == "False"
    await simulation.live_until(lambda s: "guard" not in s.status, 600)
    assert deployment_of(simulation, "v1") is None


async def test_a_version_before_that_does_not_come_back_leaves_the_other_serving_and_says_so() -> None:
    quick = rollout(50, hold=5, bakeSeconds=0, progressDeadlineSeconds=30)
    simulation = await promoted(rollout=quick)
    await simulation.live(20)
    simulation.behave(uri_of("v1"), ready_after=lambda ordinal: 3 if ordinal == 0 else 1e6)
    decays(simulation)
    await simulation.live_until(lambda s: s.condition("Stalled")["reason"] == "RollbackFailed", 300)
    assert "the guard of v2 at " in words(simulation)
    assert simulation.stable == "v2"
    assert simulation.condition("Degraded")["status"] == "True"
    simulation.annotate("resume@1")
    await simulation.live(30)
    assert simulation.condition("Degraded")["reason"] == "GuardFailed"
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.lost == 0


async def test_nothing_comes_back_of_which_nobody_knows_how_its_pods_are_made() -> None:
    simulation = await promoted({"keepPrevious": 0, "onFailure": "Rollback"})
    revision = guard_of(simulation)["previousRevision"]
    simulation.network.tells_pairs = False
    other = {"name": "limit", "query": {"promql": "my_metric", "max": 1, "consecutiveFailures": 2}}
    simulation.change_spec(analysis=judged_by(ERRORS, other), guard={**GUARD, "keepPrevious": 0, "metrics": ["limit"]})
    for birth in simulation.of_kind("ControllerRevision"):
        if birth["metadata"]["name"].endswith(revision):
            simulation.remove(birth)
    simulation.prom.answers = lambda _query: [Series({}, 5.0, simulation.now.timestamp())]
    await simulation.live_until(lambda s: s.told("GuardFailed"), 60)
    assert "since nothing tells any more how pods of v1 are made" in simulation.told("GuardFailed")[0]
    assert simulation.stable == "v2"


async def test_evidence_goes_on_where_it_was_when_operators_come_and_go() -> None:
    simulation = await promoted({"seconds": 3600})
    await simulation.live(320)
    spent = []
    for _ in range(10):
        simulation.restart_operator()
        await simulation.live(11)
        spent.append(guard_of(simulation)["evidence"]["renewed"][1])
    assert spent == sorted(spent)
    assert spent[-1] <= (simulation.elapsed - 49) / 3600
    assert row_of(simulation, "errors")["samples"] > 5_000
    decays(simulation)
    simulation.restart_operator()
    await simulation.live_until(lambda s: s.stable == "v1", 300)


async def test_whoever_takes_the_guard_out_of_the_spec_ends_it() -> None:
    simulation = await promoted()
    simulation.change_spec(guard=None)
    await simulation.live(10)
    assert "guard" not in simulation.status
    assert deployment_of(simulation, "v1") is None
    assert simulation.told("GuardEnded") == ["v2 is no longer compared with v1: the spec asks for none any more"]


async def test_no_guard_watches_the_first_version_or_one_that_a_person_went_back_to() -> None:
    simulation = await serving(calm=20, analysis=True, guard=GUARD)
    assert "guard" not in simulation.status
    await canary(simulation)
    await simulation.live_until(lambda s: s.stable == "v2", 300)
    simulation.annotate("rollback=v1@1")
    await simulation.live_until(lambda s: s.stable == "v1", 60)
    await simulation.live(10)
    assert "guard" not in simulation.status


STRATEGIES: dict[str, dict[str, Any]] = {
    "blue green": {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 5}},
    "immediate": {"strategy": "Immediate"},
    "shadow": {"strategy": "Shadow", "shadow": {"holdSeconds": 5}},
    "testers": {"strategy": "ABTest", "abTest": {"holdSeconds": 5}},
    "steps": {"steps": [{"weight": 20, "holdSeconds": 5}]},
}
PINS = [{"header": {"name": "X-Tester", "value": "yes"}, "to": "Canary"}]


@pytest.mark.parametrize("bake", [0, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("strategy", "way"),
    [(name, None) for name in ("blue green", "immediate", "steps")]
    + [(name, "gateway") for name in STRATEGIES]
    + [(name, "route") for name in ("blue green", "immediate", "steps")],
)
async def test_whatever_the_way_to_all_traffic_was_a_version_that_decays_goes_back(
    strategy: str, way: str | None, bake: int
) -> None:
    match way:
        case "gateway":
            traffic = {**GATEWAY, **({"pins": PINS} if strategy == "testers" else {})}
            simulation = await behind_gateway(analysis=False, serving=SIGNED, traffic=traffic)
        case "route":
            simulation = await behind_route(analysis=False, serving=SIGNED)
        case _:
            simulation = await serving(analysis=False, serving=SIGNED)
    simulation.network.tells_pairs, simulation.network.testers_a_second = True, 5
    wanted = {**STRATEGIES[strategy], "bakeSeconds": bake}
    simulation.change_spec(analysis=judged_by(), guard=GUARD, model=model_of("v2"), rollout=wanted)
    await simulation.live_until(lambda s: s.stable == "v2", 300)
    await simulation.live(60)
    assert guard_of(simulation)["verdict"] == "Pass"
    began = simulation.elapsed
    assert set(simulation.moments[-1].answered) == {"v2"}
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    await simulation.live(20)
    assert simulation.outcome("v2") == "RolledBack"
    assert all(moment.lost == 0 for moment in simulation.since(began))
    assert set(simulation.moments[-1].answered) == {"v1"}


@pytest.mark.parametrize("scale", ["Shrink", "Keep"])
async def test_on_a_full_cluster_the_version_before_gives_its_room_to_the_one_that_serves(scale: str) -> None:
    simulation = await serving(calm=20, analysis=False, tells_pairs=True, serving=SIGNED, replicas=4)
    simulation.kubelet.room = 4 if scale == "Shrink" else 8
    simulation.change_spec(analysis=judged_by(), guard={"seconds": 3600})
    await canary(simulation, rollout=rollout(50, hold=5, bakeSeconds=5, stableScale=scale))
    await simulation.live_until(lambda s: s.stable == "v2", 200)
    if scale == "Keep":
        simulation.kubectl_scale(8)
    await simulation.live(60)
    assert simulation.moments[-1].endpoints == {"v2": 4 if scale == "Shrink" else 8}
    assert wanted_pods(simulation, "v1") == 1
    assert "Insufficient nvidia.com/gpu" in guard_of(simulation)["message"]
    assert simulation.condition("Ready")["status"] == "True"
    assert simulation.condition("Degraded")["status"] == "False"
    simulation.kubelet.room += 1
    await simulation.live_until(lambda s: row_of(s, "errors").get("reason") == "NoEvidenceAgainst", 60)


async def test_a_guard_of_a_version_that_nobody_knows_ends_and_says_so() -> None:
    simulation = await promoted()
    simulation.edit_status(lambda status: status["guard"].update(previousRevision="nobody"))
    await simulation.live(5)
    assert "guard" not in simulation.status
    assert "knows nothing of revision nobody any more" in simulation.told("GuardEnded")[0]


async def test_a_prometheus_that_is_away_is_told_where_people_look_at_the_guard() -> None:
    simulation = await promoted({"seconds": 3600})
    await simulation.live(30)
    simulation.prometheus_away_for(60)
    await simulation.live(30)
    assert "nothing is judged for now: " in guard_of(simulation)["message"]
    await simulation.live(60)
    assert "nothing is judged" not in guard_of(simulation)["message"]
    decays(simulation)
    await simulation.live_until(lambda s: s.stable == "v1", 300)
