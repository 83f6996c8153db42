"""Tags, branches and aliases move; what a version is does not: it is resolved once, and its pods ask for what was found then."""

from typing import Any

import pytest
from tests.support.simulation import Simulation, serving, uri_of

TAG = "oci://registry.example.com/acme/credit:latest"
DIGEST = f"oci://registry.example.com/acme/credit@sha256:{'a' * 64}"


def found(**more: Any) -> dict[str, Any]:
    return {"ok": True, "sha256": "b" * 64, "opset": 21, **more}


async def after_tag(simulation: Simulation, report: dict[str, Any]) -> dict[str, Any]:
    """The ledger's entry of a version that the spec names by a tag."""
    simulation.behave(TAG, report=report)
    simulation.change_spec(model={"version": "v2", "uri": TAG, "credentials": {"secretName": "registry"}})
    await simulation.live_until(lambda s: s.outcome("v2") == "InProgress" and bool(born(s)), 60)
    return next(v for v in simulation.status["versions"] if v["version"] == "v2")


def born(simulation: Simulation) -> list[str]:
    """Where pods of v2 are told to fetch their model from."""
    deployments = simulation.of_kind("Deployment")
    templates = [d["spec"]["template"] for d in deployments]
    envs = [t["spec"]["containers"][0]["env"] for t in templates]
    uris = [each["value"] for env in envs for each in env if each["name"] == "SERIN_MODEL_URI"]
    return [uri for uri in uris if uri.startswith("oci:")]


async def test_pods_ask_for_the_digest_that_a_tag_stood_for_and_the_ledger_says_so() -> None:
    simulation = await serving()
    entry = await after_tag(simulation, found(resolvedUri=DIGEST))
    assert entry["uri"] == DIGEST
    assert born(simulation) == [DIGEST]
    simulation.restart_operator()
    await simulation.live(20)
    assert born(simulation) == [DIGEST]
    assert simulation.status["canary"]["version"] == "v2"


@pytest.mark.parametrize(
    "said", ["oci://elsewhere.example.com/acme/credit@sha256:" + "a" * 64, "file:///etc/passwd", 7, "oci://x\n", None]
)
async def test_a_report_that_names_another_place_changes_nothing(said: object) -> None:
    simulation = await serving()
    entry = await after_tag(simulation, found(resolvedUri=said))
    assert entry["uri"] == TAG
    assert born(simulation) == [TAG]


async def test_a_source_whose_name_does_not_move_is_asked_for_as_the_spec_says() -> None:
    simulation = await serving()
    assert uri_of("v1") in str(simulation.of_kind("Deployment"))
