"""Three writers feed the store in any order; it never goes back in time."""

import itertools

import pytest

from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT, ObjectRef
from serin_operator.cluster.resources import DEPLOYMENTS, MODEL_DEPLOYMENTS, PODS
from serin_operator.cluster.store import Key, Store, mark_of

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


def test_a_model_deployment_is_kept_as_it_is_without_its_managed_fields(store):
    obj = a_model_deployment()
    store.put({**obj, "metadata": {**obj["metadata"], "managedFields": [{"manager": "helm", "fieldsV1": {}}]}})
    assert store.model_deployments() == {KEY}
    assert store.get(ObjectRef("serin.dev/v1alpha1", "ModelDeployment", "scoring", "credit")) == obj


def test_what_a_listing_did_not_find_is_gone(store):
    store.put(a_deployment(5))
    store.put(a_deployment(6, uid="u2", name="credit-old"))
    (mark,) = store.vanished(DEPLOYMENTS, None, {"u1"}, "10")
    assert mark.ref.name == "credit-old"
    assert store.has(mark)
    assert store.bury(mark, "10") == KEY
    assert versions(store) == ["5"]
    assert not store.has(mark)


def test_what_was_written_after_the_listing_is_not_taken_for_gone(store):
    store.put(a_deployment(11))
    assert store.vanished(DEPLOYMENTS, None, set(), "10") == []


def test_what_was_written_while_the_listing_was_looked_at_stays(store):
    store.put(a_deployment(5))
    (mark,) = store.vanished(DEPLOYMENTS, None, set(), "10")
    store.put(a_deployment(11))
    assert store.bury(mark, "10") is None
    assert versions(store) == ["11"]


def test_a_listing_of_one_namespace_or_kind_says_nothing_about_others(store):
    store.put(a_deployment(5))
    assert store.vanished(DEPLOYMENTS, "elsewhere", set(), "10") == []
    assert store.vanished(PODS, None, set(), "10") == []
    assert len(store.vanished(DEPLOYMENTS, "scoring", set(), "10")) == 1


def test_what_the_store_has_or_has_buried_is_no_news(store):
    assert not store.knows(mark_of(a_deployment(7)))
    store.put(a_deployment(7))
    assert store.knows(mark_of(a_deployment(6)))
    assert store.knows(mark_of(a_deployment(7)))
    assert not store.knows(mark_of(a_deployment(8)))
    store.remove(a_deployment(9))
    assert store.knows(mark_of(a_deployment(8)))
    assert not store.knows(mark_of(a_deployment(1, uid="another")))


def test_model_deployments_are_found_by_name_and_by_namespace(store):
    store.put(a_model_deployment())
    assert store.has_model_deployment(KEY)
    assert not store.has_model_deployment(Key("scoring", "other"))
    assert store.model_deployments("scoring") == {KEY}
    assert store.model_deployments("elsewhere") == set()
    (mark,) = store.vanished(MODEL_DEPLOYMENTS, None, set(), "10")
    store.bury(mark, "10")
    assert store.model_deployments() == set()


def test_nothing_is_kept_of_what_is_gone(store):
    store.put(a_model_deployment())
    store.put(a_deployment(5))
    store.put(a_deployment(6, label="fraud"))
    store.remove(a_deployment(7))
    store.remove(a_model_deployment(8))
    kept = (store._entries, store._by_parent, store._by_place["apps/v1", "Deployment"])
    assert [len(one) for one in kept] == [0, 0, 0]


def test_tombstones_are_not_kept_for_ever():
    now = 0.0
    store = Store(monotonic=lambda: now)
    store.put(a_deployment(5))
    store.forget(REF, "u1")
    now = 10_000.0
    store.sweep()
    store.put(a_deployment(5))
    assert versions(store) == ["5"]
