"""What an apply would change is known before it is sent."""

import copy

import pytest

from serin_operator.act.ownership import given_up, owns, taken_over
from serin_operator.act.sameness import differences
from serin_operator.act.structure import in_words
from serin_operator.act.unchanged import change_of, marked
from serin_operator.api.names import ANNOTATION_WRITTEN


def a_deployment(**container):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "scoring", "name": "credit-a", "labels": {"app": "x"}},
        "spec": {
            "paused": None,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {
                    "containers": [{"name": "server", "image": "serin", **container}],
                    "volumes": [{"name": "cache", "emptyDir": {}}],
                    "tolerations": [{"key": "a", "operator": "Exists"}],
                },
            },
        },
    }


def observed(intent, *, mark=True):
    """As the API server tells it after a creation: with defaults, and without what is null."""
    seen = copy.deepcopy(marked(intent) if mark else intent)
    del seen["spec"]["paused"]
    seen["metadata"] |= {"uid": "u", "resourceVersion": "5"}
    seen["spec"] |= {"replicas": 3, "progressDeadlineSeconds": 600}
    pod = seen["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "securityContext": {}}
    pod["containers"][0] |= {"terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "Always"}
    return seen


OWNED = {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {
        "f:paused": {},
        "f:selector": {},
        "f:template": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:containers": {'k:{"name":"server"}': {".": {}, "f:name": {}, "f:image": {}}},
                "f:volumes": {'k:{"name":"cache"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
                "f:tolerations": {},
            },
        },
    },
}
BORN = {**OWNED, "f:spec": {**OWNED["f:spec"], "f:replicas": {}, "f:progressDeadlineSeconds": {}}}


def owned_by(seen, *, applied=None, created=None):
    fields = {"Apply": applied, "Update": created}
    seen["metadata"]["managedFields"] = [
        {"manager": "serin-operator", "operation": operation, "apiVersion": "apps/v1", "fieldsV1": owned}
        for operation, owned in fields.items()
        if owned is not None
    ]
    return seen


def container(seen):
    return seen["spec"]["template"]["spec"]["containers"][0]


def where(intent, seen):
    return [in_words(path) for path in differences(intent, seen)]


@pytest.mark.parametrize(
    ("intent", "seen"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="defaults and others' fields beside ours"),
        pytest.param({"paused": None}, {}, id="null means absent"),
        pytest.param({"limits": {"cpu": "0.5"}}, {"limits": {"cpu": "500m"}}, id="half a core"),
        pytest.param({"limits": {"cpu": 2}}, {"limits": {"cpu": "2"}}, id="cores as a number"),
        pytest.param({"requests": {"memory": "1024Mi"}}, {"requests": {"memory": "1Gi"}}, id="a gibibyte"),
        pytest.param({"requests": {"memory": "1e3"}}, {"requests": {"memory": "1k"}}, id="an exponent"),
        pytest.param({"port": 80}, {"port": "80"}, id="an int or a string"),
        pytest.param({"env": [{"name": "A", "value": ""}]}, {"env": [{"name": "A"}]}, id="an empty text is left out"),
        pytest.param({"readOnly": False}, {}, id="false that is left out"),
        pytest.param({"initialDelaySeconds": 0}, {}, id="zero that is left out"),
        pytest.param({"labels": {}}, {}, id="an empty mapping is left out"),
        pytest.param({"args": []}, {}, id="an empty list is left out"),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "Z", "value": "9"}, {"name": "A", "value": "1"}]},
            id="another's item before ours",
        ),
        pytest.param(
            {"ports": [{"containerPort": 80, "name": "http"}]},
            {"ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}]},
            id="a port by number and protocol",
        ),
        pytest.param(
            {"ports": [{"port": 80, "protocol": "TCP", "targetPort": "http"}]},
            {"ports": [{"port": 80, "protocol": "TCP", "targetPort": "http", "nodePort": 31000}]},
            id="a port of a Service with more in it",
        ),
        pytest.param({"finalizers": ["a"]}, {"finalizers": ["b", "a"]}, id="a set with more in it"),
        pytest.param(
            {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}}},
            id="a default inside",
        ),
    ],
)
def test_what_means_the_same_is_no_difference(intent, seen):
    assert where(intent, seen) == []


@pytest.mark.parametrize(
    ("intent", "seen", "place"),
    [
        pytest.param({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b", id="another value"),
        pytest.param({"a": {"b": 1}}, {}, "a", id="a field that is gone"),
        pytest.param({"paused": None}, {"paused": True}, "paused", id="what must be absent"),
        pytest.param({"limits": {"cpu": "1"}}, {"limits": {"cpu": "1500m"}}, "limits.cpu", id="another quantity"),
        pytest.param({"limits": {"cpu": "odd"}}, {"limits": {"cpu": "1"}}, "limits.cpu", id="no quantity at all"),
        pytest.param({"selector": {"a": "b"}}, {"selector": {"a": "b", "c": "d"}}, "selector", id="more in a selector"),
        pytest.param({"args": ["serve"]}, {"args": ["serve", "-v"]}, "args", id="more in a list without keys"),
        pytest.param({"args": ["serve"]}, {"args": ["other"]}, "args", id="another item in a list without keys"),
        pytest.param({"args": []}, {"args": ["other"]}, "args", id="an empty list"),
        pytest.param({"automount": False}, {}, "automount", id="false where absent means something else"),
        pytest.param({"automount": False}, {"automount": "False"}, "automount", id="false is no text"),
        pytest.param({"emptyDir": {}}, {}, "emptyDir", id="an empty mapping with a meaning"),
        pytest.param({"a": {"b": 1}}, {"a": "b"}, "a", id="another kind of value"),
        pytest.param({"env": [{"name": "A"}]}, {"env": []}, "env[A]", id="an item that is gone"),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "2"}]}, "env[A].value", id="an item"
        ),
        pytest.param(
            {"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "B"}, {"name": "A"}]}, "env", id="another order"
        ),
        pytest.param({"finalizers": ["a"]}, {"finalizers": ["b"]}, "finalizers", id="not in the set"),
        pytest.param(
            {"secretKeyRef": {"name": "s", "key": "k"}},
            {"secretKeyRef": {"name": "s", "key": "k", "optional": True}},
            "secretKeyRef",
            id="more in what is one value",
        ),
    ],
)
def test_what_means_something_else_is_found(intent, seen, place):
    assert where(intent, seen) == [place]


def test_a_new_object_with_defaults_and_a_size_needs_no_write():
    intent = a_deployment()
    assert change_of(marked(intent), owned_by(observed(intent), created=BORN)) is None


def test_the_size_at_birth_is_no_part_of_the_mark():
    intent = a_deployment()
    born = marked({**intent, "spec": {**intent["spec"], "replicas": 3}})
    assert born["metadata"]["annotations"] == marked(intent)["metadata"]["annotations"]


def test_a_field_that_the_intent_gave_up_since_the_birth_is_noticed():
    seen = owned_by(observed(a_deployment(workingDir="/x")), created=BORN)
    assert change_of(marked(a_deployment()), seen).gives_up


def test_a_field_that_the_intent_gave_up_since_the_last_apply_is_noticed():
    before = a_deployment()
    before["metadata"]["labels"]["old"] = "y"
    owned = {**OWNED, "f:metadata": {"f:labels": {"f:app": {}, "f:old": {}}}}
    for mark in (True, False):
        assert change_of(marked(a_deployment()), owned_by(observed(before, mark=mark), applied=owned)).gives_up


def test_a_mark_is_no_proof_where_the_owned_fields_are_known():
    # An operator that knows no marks has applied more since, and left the mark of the creation where it was.
    owned = {**OWNED, "f:metadata": {"f:labels": {"f:app": {}, "f:old": {}}}}
    assert change_of(marked(a_deployment()), owned_by(observed(a_deployment()), applied=owned)).gives_up


def test_an_object_of_before_the_mark_is_told_by_its_owned_fields():
    seen = owned_by(observed(a_deployment(), mark=False), applied=OWNED)
    assert change_of(marked(a_deployment()), seen) is None


def test_an_object_that_was_created_without_a_mark_is_applied_once():
    assert change_of(marked(a_deployment()), owned_by(observed(a_deployment(), mark=False), created=BORN)).gives_up


def test_an_object_out_of_a_backup_of_which_we_own_nothing_needs_no_write():
    assert change_of(marked(a_deployment()), observed(a_deployment(), mark=False)) is None


def test_what_others_add_is_left_alone():
    seen = owned_by(observed(a_deployment()), applied=OWNED)
    seen["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "mesh"})
    seen["metadata"]["labels"]["team"] = "risk"
    seen["metadata"]["annotations"]["team"] = "risk"
    assert change_of(marked(a_deployment()), seen) is None


def test_what_the_cluster_made_of_our_own_write_is_not_written_again():
    seen = owned_by(observed(a_deployment()), created=BORN)
    container(seen)["image"] = "mirror/serin"
    assert change_of(marked(a_deployment()), seen) is None


def test_what_another_took_from_us_is_written_again():
    seen = owned_by(observed(a_deployment()), created=copy.deepcopy(BORN))
    container(seen)["image"] = "other"
    fields = seen["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    del fields['k:{"name":"server"}']["f:image"]
    change = change_of(marked(a_deployment()), seen)
    assert in_words(change.path) == "spec.template.spec.containers[server].image"
    assert not change.gives_up


def test_a_new_value_is_written_though_the_field_is_ours():
    seen = owned_by(observed(a_deployment()), applied=OWNED)
    assert in_words(change_of(marked(a_deployment(image="v2")), seen).path).endswith("image")


def test_another_installation_with_the_same_field_manager_is_a_difference():
    seen = owned_by(observed(a_deployment(image="theirs")), applied=OWNED)
    assert in_words(change_of(marked(a_deployment(image="ours")), seen).path).endswith("image")


def test_a_mark_that_somebody_took_off_changes_nothing_where_the_owned_fields_are_known():
    seen = owned_by(observed(a_deployment()), applied=OWNED)
    del seen["metadata"]["annotations"][ANNOTATION_WRITTEN]
    assert change_of(marked(a_deployment()), seen) is None


@pytest.mark.parametrize("kind", ["ControllerRevision", "Job", "Secret"])
def test_what_is_never_applied_has_no_mark(kind):
    assert "annotations" not in marked({**a_deployment(), "kind": kind})["metadata"]


def test_a_value_is_owned_with_everything_in_it():
    assert owns(OWNED, ("spec", "selector", "matchLabels", "app"))
    assert owns(OWNED, ("spec", "template", "spec", "containers", (("name", "server"),), "image"))
    assert not owns(OWNED, ("spec", "template", "spec", "containers", (("name", "other"),), "image"))
    assert not owns({}, ("spec",))


def test_a_set_and_an_item_can_be_given_up_too():
    assert given_up({"f:finalizers": {'v:"a"': {}}}, {"finalizers": ["b"]})
    assert not given_up({"f:finalizers": {'v:"a"': {}}}, {"finalizers": ["a"]})
    port = {"f:ports": {'k:{"port":443,"protocol":"TCP"}': {".": {}}}}
    assert given_up(port, {"ports": [{"port": 80}]})
    assert not given_up(port, {"ports": [{"port": 443}]})


def test_taking_over_leaves_the_size_to_its_creator_and_others_alone():
    seen = owned_by(observed(a_deployment()), applied=OWNED, created=BORN)
    other = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:x": {}}}
    scale = {"manager": "serin-operator", "operation": "Update", "subresource": "scale", "fieldsV1": {"f:y": {}}}
    taken = taken_over([*seen["metadata"]["managedFields"], other, scale])
    assert taken[:2] == [other, scale]
    applied, created = taken[2:]
    assert applied["operation"] == "Apply"
    assert "f:progressDeadlineSeconds" in applied["fieldsV1"]["f:spec"]
    assert "f:replicas" not in applied["fieldsV1"]["f:spec"]
    assert (created["operation"], created["fieldsV1"]) == ("Update", {"f:spec": {"f:replicas": {}}})


def test_there_is_nothing_to_take_over_where_everything_was_applied():
    assert taken_over(owned_by(observed(a_deployment()), applied=OWNED)["metadata"]["managedFields"]) is None
    assert taken_over([]) is None


def test_nothing_is_taken_over_twice():
    seen = owned_by(observed(a_deployment()), applied=OWNED, created=BORN)
    assert taken_over(taken_over(seen["metadata"]["managedFields"])) is None


def test_a_size_that_came_to_be_applied_is_left_to_the_creation_again():
    seen = owned_by(observed(a_deployment()), applied=BORN)
    applied, created = taken_over(seen["metadata"]["managedFields"])
    assert "f:replicas" not in applied["fieldsV1"]["f:spec"]
    assert created["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
