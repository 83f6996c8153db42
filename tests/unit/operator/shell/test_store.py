"""Three writers feed the store in any order; it never goes back in time."""

import itertools

import pytest

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.resources import DEPLOYMENTS, MODEL_DEPLOYMENTS, PODS
from serin_operator.cluster.store import Key, Store

KEY = Key("scoring", "credit")
REF = ObjectRef("apps/v1", "Deployment", "scoring", "credit-abc")


def a_deployment(version=1, *, uid="u1", name="credit-abc", namespace="scoring", label="credit", **spec):
    labels = {LABEL_MODEL_DEPLOYMENT: label} if label else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": str(version),
            "labels": labels,
            "managedFields": [{"manager": "x"}],
        },
        "spec": spec,
    }


def a_model_deployment(version=1, name="credit"):
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "scoring", "uid": f"m-{name}", "resourceVersion": str(version)},
        "spec": {"model": {}},
    }


@pytest.fixture
def store():
    return Store(monotonic=lambda: 0.0)


def versions(store):
    return [d["metadata"]["resourceVersion"] for d in store.children(KEY)["Deployment"]]


def test_children_are_found_by_label_and_come_sorted_without_managed_fields(store):
    store.put(a_deployment(1, uid="u2", name="credit-b"))
    store.put(a_deployment(2, uid="u1", name="credit-a"))
    store.put(a_deployment(3, uid="u3", name="other", label="fraud"))
    found = store.children(KEY)["Deployment"]
    assert [d["metadata"]["name"] for d in found] == ["credit-a", "credit-b"]
    assert "managedFields" not in found[0]["metadata"]


def test_what_is_handed_out_is_a_copy(store):
    store.put(a_deployment(1, replicas=1))
    store.children(KEY)["Deployment"][0]["spec"]["replicas"] = 99
    assert store.children(KEY)["Deployment"][0]["spec"]["replicas"] == 1


def test_a_late_event_does_not_undo_our_own_write(store):
    store.put(a_deployment(10))
    store.put(a_deployment(9))
    assert versions(store) == ["10"]


def test_resource_versions_are_compared_as_numbers(store):
    store.put(a_deployment(9))
    store.put(a_deployment(10))
    assert versions(store) == ["10"]


def test_a_late_event_cannot_raise_what_was_deleted(store):
    store.put(a_deployment(5))
    store.remove(a_deployment(8))
    store.put(a_deployment(7))
    assert versions(store) == []


def test_an_object_that_we_deleted_ourselves_stays_gone(store):
    store.put(a_deployment(5))
    store.forget(REF, "u1")
    store.put(a_deployment(99))
    assert versions(store) == []


def test_the_same_name_with_a_new_uid_is_a_new_object(store):
    store.put(a_deployment(5))
    store.forget(REF, "u1")
    store.put(a_deployment(6, uid="u2"))
    assert versions(store) == ["6"]


def test_a_late_deletion_does_not_take_the_successor_with_it(store):
    store.put(a_deployment(9, uid="u2"))
    store.remove(a_deployment(5, uid="u1"))
    assert versions(store) == ["9"]


def test_an_object_that_loses_our_label_and_gets_it_back_is_there_again(store):
    # The watch has a label selector, so losing the label arrives as a deletion.
    store.put(a_deployment(5))
    store.remove(a_deployment(6))
    store.put(a_deployment(7))
    assert versions(store) == ["7"]


def test_an_answer_that_shows_no_label_removes_the_child(store):
    store.put(a_deployment(5))
    store.put(a_deployment(6, label=""))
    assert versions(store) == []


def test_a_child_that_moves_to_another_parent_is_found_there_only(store):
    store.put(a_deployment(5))
    store.put(a_deployment(6, label="fraud"))
    assert versions(store) == []
    assert len(store.children(Key("scoring", "fraud"))["Deployment"]) == 1


def test_every_order_of_arrival_ends_in_the_same_state():
    arrivals = [
        lambda s: s.put(a_deployment(5)),
        lambda s: s.put(a_deployment(7)),
        lambda s: s.remove(a_deployment(8)),
        lambda s: s.put(a_deployment(9, uid="u2")),
    ]
    for order in itertools.permutations(arrivals):
        store = Store(monotonic=lambda: 0.0)
        for arrive in order:
            arrive(store)
        assert versions(store) == ["9"]


def test_a_pod_keeps_only_where_with_which_images_and_from_which_secrets_it_runs(store):
    pod = a_deployment(1, uid="p", name="pod")
    keys = {"name": "keys", "secret": {"secretName": "credit-keys"}}
    pod |= {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "nodeName": "n1",
            "volumes": [{"name": "t", "emptyDir": {}}, keys],
            "containers": [{"name": "c", "image": "i", "env": []}],
        },
    }
    store.put(pod)
    assert store.children(KEY)["Pod"][0]["spec"] == {
        "nodeName": "n1",
        "volumes": [keys],
        "containers": [{"name": "c", "image": "i"}],
    }


def test_a_model_deployment_is_known_without_its_spec(store):
    store.put(a_model_deployment())
    assert store.model_deployments() == {KEY}
    assert "spec" not in store.get(ObjectRef("serin.dev/v1alpha1", "ModelDeployment", "scoring", "credit"))


def test_a_listing_tells_what_is_new_and_what_is_gone(store):
    store.put(a_deployment(5))
    store.put(a_deployment(6, uid="u2", name="credit-old"))
    listed = [a_deployment(7), a_deployment(8, uid="u3", name="credit-new")]
    difference = store.difference(DEPLOYMENTS, None, listed, "10")
    assert sorted(d["metadata"]["name"] for d in difference.newer) == ["credit-abc", "credit-new"]
    assert [d["metadata"]["name"] for d in difference.gone] == ["credit-old"]
    assert store.repair(difference, "10") == {KEY}
    assert versions(store) == ["7", "8"]


def test_what_was_written_after_the_listing_is_not_taken_for_gone(store):
    store.put(a_deployment(11))
    assert not store.difference(DEPLOYMENTS, None, [], "10")


def test_a_listing_of_one_namespace_or_kind_says_nothing_about_others(store):
    store.put(a_deployment(5))
    assert not store.difference(DEPLOYMENTS, "elsewhere", [], "10")
    assert not store.difference(PODS, None, [], "10")


def test_what_the_watch_tells_during_the_grace_is_no_difference_any_more(store):
    difference = store.difference(DEPLOYMENTS, None, [a_deployment(7)], "10")
    assert difference
    store.put(a_deployment(7))
    assert not store.confirm(difference, "10")


def test_a_model_deployment_deleted_while_nobody_watched_is_noticed_by_a_listing(store):
    store.put(a_model_deployment())
    difference = store.difference(MODEL_DEPLOYMENTS, None, [], "10")
    assert store.repair(difference, "10") == {KEY}
    assert store.model_deployments() == set()


def test_tombstones_are_not_kept_for_ever():
    now = 0.0
    store = Store(monotonic=lambda: now)
    store.put(a_deployment(5))
    store.forget(REF, "u1")
    now = 10_000.0
    store.sweep()
    store.put(a_deployment(5))
    assert versions(store) == ["5"]
