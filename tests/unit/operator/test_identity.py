"""Ours is what we own under a name that we give; labels alone make nothing ours."""

from typing import Any

import pytest

from serin_operator.api import names
from serin_operator.decide.world import Why
from serin_operator.observe import views
from serin_operator.observe.children import Children

UID, REVISION = "uid-now", "6csf35gomi"
OURS = {"kind": names.KIND, "name": "m", "uid": UID, "controller": True}
EARLIER = {**OURS, "apiVersion": names.API_VERSION, "uid": "uid-before"}
SOMEBODY = {"kind": "Rollout", "name": "r", "uid": "uid-r", "controller": True}


def obj(name: str, owner: dict[str, Any] | None = OURS, revision: str | None = REVISION, **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "namespace": "ns",
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "labels": names.child_labels("m", revision),
        **more,
    }
    if owner:
        metadata["ownerReferences"] = [owner]
    data = {"version": "v1", "uri": "u", "sha256": "s", "template": {}}
    return {"metadata": metadata, "spec": {}, "data": data, "status": {}}


def pod(name: str, kind: str | None = "ReplicaSet", by: str = f"m-{REVISION}-5f7d8c", **more: Any) -> dict[str, Any]:
    owner = {"kind": kind, "name": by, "uid": "u", "controller": True} if kind else None
    return obj(name, owner, **more)


def found(**children: list[dict[str, Any]]) -> tuple[dict[str, Any], list[tuple[str, str, Why]]]:
    told = Children(**children)
    strangers = [(f.kind, f.name, f.why) for f in views.foreign(told, "m", UID)]
    return dict(views.revisions(told, "m", UID)), strangers


GOING = "2026-11-20T12:00:00Z"


@pytest.mark.parametrize(
    ("field", "kind", "child"),
    [
        ("deployments", "Deployment", f"m-{REVISION}"),
        ("services", "Service", f"m-{REVISION}"),
        ("controller_revisions", "ControllerRevision", f"m-{REVISION}"),
        ("jobs", "Job", f"m-{REVISION}-resolve"),
        ("jobs", "Job", f"m-{REVISION}-resolve-2"),
    ],
)
@pytest.mark.parametrize(
    ("owner", "why"),
    [(OURS, None), (None, None), (EARLIER, Why.PREDECESSOR), (SOMEBODY, Why.OTHER_OWNER)],
    ids=["ours", "an orphan", "of the one before it", "somebody else's"],
)
def test_a_child_is_ours_by_owner_and_name(field: str, kind: str, child: str, owner: Any, why: Why | None) -> None:
    revisions, strangers = found(**{field: [obj(child, owner)]})
    assert bool(revisions) is (why is None)
    assert strangers == ([(kind, child, why)] if why else [])


@pytest.mark.parametrize("owner", [OURS, None], ids=["that says it is ours", "of nobody"])
@pytest.mark.parametrize(
    ("field", "kind", "name"),
    [
        ("services", "Service", "mine"),
        ("deployments", "Deployment", "m-copy"),
        ("controller_revisions", "ControllerRevision", "m"),
        ("jobs", "Job", f"m-{REVISION}-resolve-by-hand"),
        ("pod_disruption_budgets", "PodDisruptionBudget", "m-mine"),
    ],
)
def test_a_copy_with_our_labels_and_another_name_is_foreign(field: str, kind: str, name: str, owner: Any) -> None:
    revisions, strangers = found(**{field: [obj(name, owner)]})
    assert (revisions, strangers) == ({}, [(kind, name, Why.LABELS_ONLY)])


@pytest.mark.parametrize(
    "data", [None, {}, [], {"version": "v1"}, {"version": 1, "uri": "u", "sha256": "s", "template": {}}], ids=str
)
def test_a_controller_revision_that_remembers_no_birth_is_foreign(data: Any) -> None:
    revisions, strangers = found(controller_revisions=[{**obj(f"m-{REVISION}", None), "data": data}])
    assert (revisions, strangers) == ({}, [("ControllerRevision", f"m-{REVISION}", Why.LABELS_ONLY)])


def test_what_is_on_its_way_out_is_ours_no_more_and_is_named() -> None:
    revisions, strangers = found(deployments=[obj(f"m-{REVISION}", deletionTimestamp=GOING)])
    assert (revisions, strangers) == ({}, [("Deployment", f"m-{REVISION}", Why.LEAVING)])


def test_the_client_service_and_the_budget_have_the_name_itself() -> None:
    told = Children(services=[obj("m", None, None)], pod_disruption_budgets=[obj("m", None, None)])
    assert views.client_service(told, "m", UID) is not None
    assert views.disruption_budget(told, "m", UID) is not None
    assert views.foreign(told, "m", UID) == ()


@pytest.mark.parametrize(
    ("name", "kind", "by", "ours"),
    [
        ("a", "ReplicaSet", f"m-{REVISION}-5f7d8c", True),
        ("a", "Job", f"m-{REVISION}-resolve", True),
        ("a", "Job", f"m-{REVISION}-resolve-1", True),
        ("a", "Job", "nightly", False),
        ("a", "ReplicaSet", "m-other-5f7d8c", False),
        ("a", "StatefulSet", f"m-{REVISION}-5f7d8c", False),
        ("debug", None, "", False),
    ],
    ids=["served", "resolved", "resolved again", "a job", "another's", "a stateful set", "a copy for debugging"],
)
def test_a_pod_is_ours_by_who_made_it(name: str, kind: str | None, by: str, *, ours: bool) -> None:
    revisions, strangers = found(pods=[pod(name, kind, by)])
    assert [p.name for r in revisions.values() for p in r.pods] == ([name] if ours else [])
    assert strangers == ([] if ours else [("Pod", name, Why.LABELS_ONLY)])


@pytest.mark.parametrize(
    ("deployment", "terminating"),
    [
        (obj(f"m-{REVISION}"), [False]),
        (obj(f"m-{REVISION}", deletionTimestamp=GOING, finalizers=["foregroundDeletion"]), [True]),
        (obj(f"m-{REVISION}", deletionTimestamp=GOING, finalizers=["orphan"]), [False]),
        (obj(f"m-{REVISION}", EARLIER), [True]),
        (obj(f"m-{REVISION}", SOMEBODY), []),
    ],
    ids=["there", "being deleted", "being deleted without its pods", "of the one before", "somebody else's"],
)
def test_pods_go_with_their_deployment(deployment: dict[str, Any], terminating: list[bool]) -> None:
    revisions, _ = found(deployments=[deployment], pods=[pod("a")])
    assert [p.terminating for r in revisions.values() for p in r.pods] == terminating


def test_a_stranger_is_told_with_a_way_out() -> None:
    told = Children(
        services=[obj("mine", None)], deployments=[obj(f"m-{REVISION}", EARLIER)], pods=[pod("debug", None)]
    )
    words = {f.name: f.message for f in views.foreign(told, "m", UID)}
    assert "take label serin.dev/model-deployment off it" in words["mine"]
    assert "an earlier ModelDeployment m" in words[f"m-{REVISION}"]
    assert "delete it, or take label" in words["debug"]
