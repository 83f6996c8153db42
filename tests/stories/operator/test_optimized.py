"""Variants of a model: the Job says which is served, its digest is what pods are pinned to, and it is never measured anew."""

import json
from typing import Any

import pytest
from tests.support.simulation import Simulation, deployment_of, spec, uri_of, words

STORE = {"uri": "s3://kept/models", "credentials": {"secretName": "kept"}}
ASKED = {"variants": ["Int8Dynamic", "Float16"], "maxAccuracyLoss": 0.02, "minSpeedup": 1.25}
SOURCE, VARIANT, OTHER = "a" * 64, "b" * 64, "c" * 64
OPTIMIZED = {"variant": "Int8Dynamic", "sourceSha256": SOURCE}
ROW = {
    "name": "optimize",
    "verdict": "Pass",
    "message": "Int8Dynamic is served: 1.8 times as quick for a row, loses 0 of 300 rows",
}
KEPT = {"name": "store", "verdict": "Pass", "message": "kept in s3://kept/models, and read back"}
REPORT: dict[str, Any] = {"ok": True, "sha256": VARIANT, "opset": 21, "optimized": OPTIMIZED, "preflight": [ROW, KEPT]}


def model_of(version: str, **more: Any) -> dict[str, Any]:
    return {"version": version, "uri": uri_of(version), "store": STORE, "optimize": ASKED, **more}


async def serving_a_variant() -> Simulation:
    simulation = Simulation()
    simulation.behave(uri_of("v1"), report=REPORT)
    simulation.kubectl_apply(spec("v1", model=model_of("v1")))
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    return simulation


def variables_of(simulation: Simulation, version: str) -> dict[str, str | None]:
    deployment = deployment_of(simulation, version)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def served(simulation: Simulation, version: str) -> tuple[str | None, str | None]:
    """The digest that pods of a version have to have, and the variant that it is of."""
    told = variables_of(simulation, version)
    return told.get("SERIN_MODEL_SHA256"), told.get("SERIN_MODEL_VARIANT")


async def test_pods_are_pinned_to_the_variant_and_the_ledger_has_both_digests() -> None:
    simulation = await serving_a_variant()
    (entry,) = simulation.status["versions"]
    assert (entry["sha256"], entry["optimized"], entry["preflight"]) == (VARIANT, OPTIMIZED, [ROW, KEPT])
    assert (served(simulation, "v1"), simulation.status["stable"]["sha256"]) == ((VARIANT, "Int8Dynamic"), VARIANT)
    assert not [name for name in variables_of(simulation, "v1") if name.startswith("SERIN_OPTIMIZE")]


async def test_the_job_is_asked_for_the_variants_in_a_third_of_its_time() -> None:
    simulation = Simulation()
    simulation.behave(uri_of("v1"), resolve_after=60)
    simulation.kubectl_apply(spec("v1", model=model_of("v1"), rollout={"progressDeadlineSeconds": 900}))
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    env = {each["name"]: each.get("value") for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert {name: text for name, text in env.items() if name.startswith("SERIN_OPTIMIZE")} == {
        "SERIN_OPTIMIZE_VARIANTS": "Int8Dynamic,Float16",
        "SERIN_OPTIMIZE_MAX_ACCURACY_LOSS": "0.02",
        "SERIN_OPTIMIZE_MIN_SPEEDUP": "1.25",
        "SERIN_OPTIMIZE_SECONDS": "300",
    }


async def test_who_goes_back_gets_the_very_variant_that_was_served_and_nothing_is_measured() -> None:
    simulation = await serving_a_variant()
    simulation.behave(uri_of("v2"), report={"ok": True, "sha256": OTHER, "opset": 21})
    simulation.change_spec(model=model_of("v2"))
    await simulation.live_until(lambda s: s.stable == "v2", 900)
    assert served(simulation, "v2") == (OTHER, None)
    assert "optimized" not in simulation.status["versions"][0]
    simulation.behave(uri_of("v1"), report={"ok": True, "sha256": SOURCE, "opset": 21})
    jobs = simulation.written("create", "Job")
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 600)
    assert served(simulation, "v1") == (VARIANT, "Int8Dynamic")
    assert simulation.written("create", "Job") == jobs
    assert simulation.status["versions"][0]["optimized"] == OPTIMIZED


async def test_a_birth_that_somebody_deletes_is_written_anew_with_its_variant() -> None:
    simulation = await serving_a_variant()
    for kind in ("ControllerRevision", "Deployment"):
        for each in simulation.of_kind(kind):
            simulation.remove(each)
    await simulation.live(120)
    (born,) = simulation.of_kind("ControllerRevision")
    assert (born["data"]["sha256"], born["data"]["optimized"]) == (VARIANT, OPTIMIZED)
    assert served(simulation, "v1") == (VARIANT, "Int8Dynamic")


async def test_a_status_that_was_lost_is_told_anew_with_the_variant() -> None:
    simulation = await serving_a_variant()
    simulation.lose_status()
    simulation.restart_operator()
    await simulation.live(60)
    (entry,) = simulation.status["versions"]
    assert (entry["sha256"], entry["optimized"]) == (VARIANT, OPTIMIZED)


async def test_another_variant_of_the_same_model_is_no_other_model_and_another_model_is() -> None:
    simulation = await serving_a_variant()
    float16 = {"variant": "Float16", "sourceSha256": SOURCE}
    simulation.behave(uri_of("v1"), report={**REPORT, "sha256": OTHER, "optimized": float16})
    simulation.change_spec(runtime={"threads": 2})
    await simulation.live_until(lambda s: s.status["stable"]["sha256"] == OTHER, 900)
    assert simulation.status["versions"][0]["optimized"] == float16
    simulation.behave(uri_of("v1"), report={**REPORT, "optimized": {**OPTIMIZED, "sourceSha256": "d" * 64}})
    simulation.change_spec(runtime={"threads": 3})
    await simulation.live_until(lambda s: s.outcome("v1") == "FailedPreflight", 300)
    assert simulation.status["versions"][0]["reason"] == "VersionConflict"
    assert f"already stands for sha256 {SOURCE}" in words(simulation)


async def test_the_next_version_is_compared_with_the_variant_that_serves() -> None:
    simulation = await serving_a_variant()
    simulation.behave(uri_of("v2"), resolve_after=60)
    simulation.change_spec(model=model_of("v2"), preflight={"budget": {"maxSlowdown": 1.5}})
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    env = {each["name"]: each.get("value") for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    told = json.loads(env["SERIN_PREFLIGHT_BEFORE"])
    assert (told["sha256"], told["variant"]) == (VARIANT, "Int8Dynamic")


@pytest.mark.parametrize("nonsense", [7, {"variant": "Int8Dynamic"}, {**OPTIMIZED, "variant": "x" * 99}], ids=["a number", "no digest", "a name without end"])  # fmt: skip
async def test_what_cannot_be_read_as_a_variant_is_none(nonsense: Any) -> None:
    simulation = Simulation()
    simulation.behave(uri_of("v1"), report={**REPORT, "optimized": nonsense})
    simulation.kubectl_apply(spec("v1", model=model_of("v1")))
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    assert "optimized" not in simulation.status["versions"][0]
    assert served(simulation, "v1") == (VARIANT, None)


async def test_an_image_that_knows_of_no_variants_is_told() -> None:
    simulation = Simulation()
    simulation.behave(uri_of("v1"), report={"ok": True, "sha256": SOURCE, "preflight": [KEPT]})
    simulation.kubectl_apply(spec("v1", model=model_of("v1")))
    await simulation.live_until(lambda s: s.stable == "v1", 300)
    row = simulation.status["versions"][0]["preflight"][-1]
    assert (row["name"], row["verdict"], served(simulation, "v1")) == ("optimize", "Warn", (SOURCE, None))
    assert "knows of no variants; correct spec.runtime.image" in row["message"]


async def test_what_is_to_be_optimised_is_a_part_of_the_revision_and_silence_is_not() -> None:
    simulation = await serving_a_variant()
    simulation.change_spec(model=model_of("v1", optimize={"variants": ["Graph"]}))
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    assert len({each["revision"] for each in simulation.status["versions"]}) == 2
