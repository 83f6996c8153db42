"""Where models are kept: a setting of versions that are born from now on, told in the ledger, and no rollout of its own."""

from typing import Any

import pytest
from tests.support.simulation import NAMESPACE, Simulation, deployment_of, serving, uri_of

from serin_operator.api.store import ModelStore

STORE = {"uri": "s3://kept/models", "credentials": {"secretName": "kept"}}
ROW = {"name": "store", "verdict": "Pass", "message": "kept in s3://kept/models, and read back"}
V2 = {"version": "v2", "uri": uri_of("v2")}


def kept_by(simulation: Simulation, version: str) -> str | None:
    """The store that pods of a version read."""
    (container,) = deployment_of(simulation, version)["spec"]["template"]["spec"]["containers"]
    return next((each["value"] for each in container["env"] if each["name"] == "SERIN_STORE"), None)


async def test_a_store_that_is_added_starts_no_rollout_and_is_that_of_the_next_version() -> None:
    simulation = await serving()
    before = deployment_of(simulation, "v1")["spec"]["template"]
    simulation.change_spec(model={"version": "v1", "uri": uri_of("v1"), "store": STORE})
    await simulation.live(120)
    assert (simulation.of_kind("Job"), deployment_of(simulation, "v1")["spec"]["template"]) == ([], before)
    assert simulation.condition("Ready")["status"] == "True"
    simulation.behave(uri_of("v2"), report={"ok": True, "sha256": "b" * 64, "opset": 21, "preflight": [ROW]})
    simulation.change_spec(model={**V2, "store": STORE})
    await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
    assert (kept_by(simulation, "v1"), kept_by(simulation, "v2")) == (None, STORE["uri"])
    assert simulation.status["versions"][0]["preflight"] == [ROW]


@pytest.mark.parametrize(("namespace", "is_kept"), [("*", True), (NAMESPACE, True), ("elsewhere", False)])
async def test_a_store_of_the_installation_touches_no_pod_that_there_is(namespace: str, is_kept: bool) -> None:
    simulation = await serving()
    before = deployment_of(simulation, "v1")
    simulation.stores = {namespace: ModelStore.model_validate(STORE)}
    simulation.restart_operator()
    await simulation.live(120)
    assert deployment_of(simulation, "v1") == before
    simulation.change_spec(model=V2)
    await simulation.live_until(lambda s: s.stable == "v2", 900)
    assert kept_by(simulation, "v2") == (STORE["uri"] if is_kept else None)
    simulation.stores = {}
    simulation.restart_operator()
    await simulation.live(120)
    assert kept_by(simulation, "v2") == (STORE["uri"] if is_kept else None), "it keeps what it was born with"
    assert simulation.errors == []


async def test_a_version_that_is_not_kept_goes_on_and_the_ledger_says_why() -> None:
    simulation = await serving()
    row: dict[str, Any] = {**ROW, "verdict": "Warn", "message": "not kept, so pods need its source: s3://kept refuses"}
    simulation.behave(uri_of("v2"), report={"ok": True, "sha256": "b" * 64, "opset": 21, "preflight": [row]})
    simulation.change_spec(model={**V2, "store": STORE})
    await simulation.live_until(lambda s: s.stable == "v2", 900)
    assert simulation.status["versions"][0]["preflight"] == [row]


async def test_an_image_that_knows_of_no_store_is_told() -> None:
    simulation = await serving()
    simulation.change_spec(model={**V2, "store": STORE})
    await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
    (row,) = simulation.status["versions"][0]["preflight"]
    assert (row["name"], row["verdict"]) == ("store", "Warn")
    assert "knows of no store; correct spec.runtime.image" in row["message"]


async def test_the_job_gives_up_to_keep_it_while_there_is_time_to_report() -> None:
    simulation = await serving()
    simulation.behave(uri_of("v2"), resolve_after=60)
    simulation.change_spec(model={**V2, "store": STORE}, rollout={"progressDeadlineSeconds": 900})
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    env = {each["name"]: each.get("value") for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["SERIN_STORE_UNTIL_SECONDS"] == "675"
