"""The object is its user's, and the children are its own: also when status or owners are gone."""

import json

import pytest
from tests.support.serin import Space

pytestmark = pytest.mark.e2e


def test_the_users_object_is_the_users(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.wait_until("nothing is left to tell", lambda: "outbox" not in space.status(), 10)
    settled = space.get()
    assert settled["spec"] == space.manifest("v1")["spec"]
    assert "finalizers" not in settled["metadata"]
    assert set(settled["metadata"]["annotations"]) == {"kubectl.kubernetes.io/last-applied-configuration"}
    managed = space.kubernetes.kubectl(
        "get", "mdep", space.name, "-n", space.namespace, "-o", "json", "--show-managed-fields"
    )
    ours = [m for m in json.loads(managed)["metadata"]["managedFields"] if m["manager"] == "serin-operator"]
    assert {m.get("subresource") for m in ours} == {"status"}

    assert "unchanged" in space.apply("v1")
    versions = set()
    for _ in range(40):
        space.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=json.dumps(space.manifest("v1")))
        versions.add(space.get()["metadata"]["resourceVersion"])
    # The first server-side apply adds its own entry to managedFields; after it nothing may move.
    assert len(versions) == 1


def test_status_wiped_and_children_orphaned_the_operator_finds_itself_again(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.apply("v2")
    space.wait_until_serves("v2")
    pods = {p["metadata"]["uid"] for p in space.pods()}
    patch = json.dumps([{"op": "remove", "path": "/status"}])
    space.kubectl("patch", "mdep", space.name, "--subresource=status", "--type=json", "-p", patch)
    space.wait_until("status is rebuilt", lambda: space.serves("v2"), 30)
    assert {p["metadata"]["uid"] for p in space.pods()} == pods

    space.kubectl("delete", "mdep", space.name, "--cascade=orphan")
    space.apply("v2")
    space.wait_until("children are adopted", lambda: space.serves("v2"), 60)
    assert {p["metadata"]["uid"] for p in space.pods()} == pods
    owners = space.kubernetes.get("deployments", "-n", space.namespace)["items"]
    uid = space.get()["metadata"]["uid"]
    assert {o["uid"] for d in owners for o in d["metadata"]["ownerReferences"]} == {uid}
