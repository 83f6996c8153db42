"""A HorizontalPodAutoscaler on ``/scale``: it sees stable alone, and is not led astray by a rollout."""

import pytest
from tests.support.simulation import Autoscaler, Simulation, canary, model_of, rollout, serving, spec, wanted_pods

LOAD, TARGET = 80, 10.0


async def autoscaled(*, external: bool, load: int = LOAD) -> tuple[Simulation, Autoscaler]:
    """A model that an autoscaler has brought to the size that its load needs."""
    simulation = await serving(replicas=load // 10, requests_a_second=load)
    scaler = Autoscaler(TARGET, is_external=external, stabilisation_seconds=60)
    simulation.rivals.append(scaler)
    await simulation.live(30)
    assert scaler.wrote == []
    return simulation, scaler


METRICS = pytest.mark.parametrize("external", [False, True], ids=["a metric of stable's pods", "the load of all"])


@METRICS
async def test_load_is_followed_up_and_down(external: bool) -> None:
    simulation, _ = await autoscaled(external=external)
    for load, pods in ((160, 16), (40, 4)):
        simulation.requests_a_second = load
        await simulation.live_until(lambda s, pods=pods: wanted_pods(s, "v1") == pods, 200)
    await simulation.live(20)
    assert simulation.lost == 0


@METRICS
async def test_under_steady_load_a_rollout_leaves_the_size_of_what_serves_as_it_was(external: bool) -> None:
    simulation, _ = await autoscaled(external=external)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(25, 50, hold=40, bakeSeconds=90))
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        assert wanted_pods(simulation, "v1") in {8, 0}, simulation.phase
    sizes, worst = set(), 0.0
    for _ in range(200):
        await simulation.live(1)
        sizes.add(wanted_pods(simulation, "v2"))
        worst = max(worst, *simulation.kubelet.load.values())
    assert worst <= 1.2 * TARGET, f"a pod had {worst:.1f} requests a second"
    assert min(sizes) >= 7, f"an autoscaler that saw a part of the load is believed step by step: {sizes}"
    assert wanted_pods(simulation, "v2") in {8, 9}
    assert simulation.lost == 0


async def test_load_that_grows_in_mid_rollout_makes_both_versions_larger() -> None:
    simulation, _ = await autoscaled(external=True)
    await canary(simulation, rollout=rollout(25, hold=300))
    await simulation.live_until(lambda s: s.phase == "Holding", 60)
    simulation.requests_a_second = 2 * LOAD
    await simulation.live_until(lambda s: wanted_pods(s, "v1") == 16, 120)
    await simulation.live(10)
    assert wanted_pods(simulation, "v2") == 5
    assert simulation.phase == "Holding"


async def test_a_selector_over_all_pods_would_run_away_and_is_none_of_ours() -> None:
    simulation, _ = await autoscaled(external=False)
    await canary(simulation, rollout=rollout(50, hold=30))
    while simulation.outcome("v2") != "Promoted":
        await simulation.live(1)
        found = {p["metadata"]["labels"]["serin.dev/revision"] for p in simulation.selected_by_scale()}
        assert len(found) == 1


async def test_from_the_switch_on_the_autoscaler_sees_the_pods_that_have_the_load() -> None:
    simulation, scaler = await autoscaled(external=False)
    simulation.change_spec(model=model_of("v2"), rollout=rollout(50, hold=5, bakeSeconds=120))
    await simulation.live_until(lambda s: s.phase == "Baking", 120)
    await simulation.live(2)
    assert simulation.status["selector"].endswith(simulation.status["canary"]["revision"])
    assert simulation.status["replicas"] == 8
    wrote = len(scaler.wrote)
    await simulation.live(100)
    assert [size for _, size in scaler.wrote[wrote:] if size < 8] == [], (
        "idle pods of the old version are no reason to shrink"
    )
    simulation.annotate("abort@now")
    await simulation.live(3)
    assert simulation.status["selector"].endswith(simulation.status["stable"]["revision"])


async def test_at_zero_the_autoscaler_is_switched_off_and_goes_on_when_somebody_wakes_the_model() -> None:
    simulation, scaler = await autoscaled(external=False)
    simulation.kubectl_scale(0)
    await simulation.live(60)
    assert scaler.wrote == []
    simulation.kubectl_scale(1)
    await simulation.live_until(lambda s: wanted_pods(s, "v1") >= 8, 200)


async def test_a_model_that_leaves_replicas_out_is_scaled_all_the_same() -> None:
    simulation = Simulation(requests_a_second=40)
    wanted = spec("v1")
    del wanted["replicas"]
    simulation.kubectl_apply(wanted)
    await simulation.live_until(lambda s: s.condition("Ready")["status"] == "True", 60)
    simulation.rivals.append(Autoscaler(TARGET))
    await simulation.live_until(lambda s: wanted_pods(s, "v1") == 4, 120)
