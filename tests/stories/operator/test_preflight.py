"""What a version shows before it gets a pod stands in the ledger, and a failed gate ends it."""

from tests.support.simulation import deployment_of, serving, uri_of, words

ROW = {
    "name": "goldenSamples",
    "verdict": "Fail",
    "message": "9 of 12 golden samples give their outputs; sample 3: output 'y' differs",
}
WARNED = {**ROW, "verdict": "Warn"}
V2 = {"model": {"version": "v2", "uri": uri_of("v2")}, "preflight": {"goldenSamples": {"minMatch": 0.9}}}


async def test_a_failed_gate_ends_a_version_before_it_has_a_pod_and_says_which_row() -> None:
    simulation = await serving()
    report = {"ok": False, "reason": "GoldenSampleFailed", "message": ROW["message"], "preflight": [ROW]}
    simulation.behave(uri_of("v2"), report=report)
    simulation.change_spec(**V2)
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    entry = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert entry["preflight"] == [ROW]
    assert entry["reason"] == "GoldenSampleFailed"
    assert "sample 3" in words(simulation)
    assert deployment_of(simulation, "v2") is None
    assert simulation.stable == "v1"


async def test_a_warning_is_told_and_ends_nothing() -> None:
    simulation = await serving()
    simulation.behave(
        uri_of("v2"), report={"ok": True, "sha256": "b" * 64, "opset": 21, "preflight": [WARNED, 7, {"name": "x" * 99}]}
    )
    simulation.change_spec(**V2)
    await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
    entry = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert entry["preflight"][0] == WARNED
    assert len(entry["preflight"]) == 2
    assert entry["outcome"] == "InProgress"


async def test_the_job_is_asked_for_the_gate_and_pods_are_not() -> None:
    simulation = await serving()
    simulation.change_spec(**V2)
    await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
    assert "SERIN_PREFLIGHT_GOLDEN" not in str(deployment_of(simulation, "v2"))
