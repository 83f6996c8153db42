"""GitOps tools and people on one object, against a real API server: nobody undoes the other, and nothing differs for ever."""

import pytest
import yaml
from tests.cluster.operator.test_process import a_model_deployment, is_ready
from tests.golden.gitops.moments import NEW

pytestmark = pytest.mark.cluster

OWNER, PERSON = "kustomize-controller", "kubectl"


@pytest.fixture
def hands(kubernetes, namespace):
    """Applies a part of the object as a field manager; returns what kubectl said."""

    def apply(manager, wanted, *more):
        arguments = ("apply", "--server-side", f"--field-manager={manager}", "-n", namespace, "-f", "-", *more)
        return kubernetes.kubectl(*arguments, text=yaml.safe_dump(wanted))

    return apply


def of_git(namespace, **spec):
    runtime = {
        "env": [{"name": "SERIN_DRAIN_SECONDS", "value": "3"}],
        "pod": {"labels": {"team": "risk"}, "volumes": [{"name": "work", "mountPath": "/data", "emptyDir": {}}]},
    }
    quick = {"steps": [{"weight": 50, "holdSeconds": 1}], "bakeSeconds": 1}
    return a_model_deployment(namespace, runtime=runtime, rollout=quick, **spec)


def of_a_person(namespace):
    extra = {"name": "rules", "mountPath": "/etc/rules", "configMap": {"name": "rules"}}
    runtime = {
        "env": [{"name": "SERIN_MAX_IN_FLIGHT", "value": "8"}],
        "pod": {"labels": {"shift": "night"}, "volumes": [extra]},
    }
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "m", "namespace": namespace, "annotations": {"example.com/on-call": "ada"}},
        "spec": {"paused": False, "runtime": runtime},
    }


def now(kubernetes, namespace):
    return kubernetes.get("modeldeployment", "m", "-n", namespace, "--show-managed-fields")


def until_all_is_told(kubernetes, namespace):
    """Waits until the version serves and nothing is left to be written: what is compared must not change meanwhile."""
    kubernetes.wait_for("the wanted version", lambda: is_ready(kubernetes, namespace), seconds=60)
    kubernetes.wait_for(
        "the end of the rollout",
        lambda: not {"canary", "outbox"} & set(now(kubernetes, namespace)["status"]),
        seconds=60,
    )


def settled(kubernetes, namespace, hands, wanted):
    """The object after every hand has applied its part again, twice over; nothing may have moved."""
    until_all_is_told(kubernetes, namespace)
    before = now(kubernetes, namespace)
    for _ in range(2):
        for manager, part in wanted:
            hands(manager, part)
    after = now(kubernetes, namespace)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    return after


def test_two_field_managers_each_keep_their_part_and_nothing_differs_afterwards(
    kubernetes, kubelet, namespace, start_operator, hands
):
    start_operator()
    hands(OWNER, of_git(namespace))
    kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
    hands(PERSON, of_a_person(namespace))
    parts = [(OWNER, of_git(namespace)), (PERSON, of_a_person(namespace))]
    found = settled(kubernetes, namespace, hands, parts)
    runtime = found["spec"]["runtime"]
    assert {each["name"] for each in runtime["env"]} == {"SERIN_DRAIN_SECONDS", "SERIN_MAX_IN_FLIGHT"}
    assert {each["name"] for each in runtime["pod"]["volumes"]} == {"work", "rules"}
    assert runtime["pod"]["labels"] == {"team": "risk", "shift": "night"}
    touched = {
        each["manager"]: set(each["fieldsV1"]) for each in found["metadata"]["managedFields"] if "operation" in each
    }
    assert touched["serin-operator"] == {"f:status"}
    # What one gives up goes, and the other's stays.
    hands(PERSON, {**of_a_person(namespace), "spec": {"paused": False}})
    found = settled(kubernetes, namespace, hands, parts[:1])
    assert [each["name"] for each in found["spec"]["runtime"]["env"]] == ["SERIN_DRAIN_SECONDS"]
    assert found["spec"]["runtime"]["pod"]["labels"] == {"team": "risk"}


def test_who_takes_a_field_of_somebody_else_is_told_whose_it_is(kubernetes, namespace, hands):
    hands(OWNER, of_git(namespace))
    theirs = {**of_a_person(namespace), "spec": {"model": {"version": "v2", "uri": "file:///models/v2.onnx"}}}
    said = kubernetes.refused(
        "apply", "--server-side", f"--field-manager={PERSON}", "-n", namespace, "-f", "-", text=yaml.safe_dump(theirs)
    )
    assert "kustomize-controller" in said
    assert ".spec.model.version" in said


@pytest.mark.parametrize("how", [("--server-side",), ()], ids=["server-side", "client-side"])
def test_kubectl_diff_finds_nothing_once_a_version_serves(kubernetes, kubelet, namespace, start_operator, how):
    start_operator()
    wanted = yaml.safe_dump(of_git(namespace))
    kubernetes.kubectl("apply", *how, "-n", namespace, "-f", "-", text=wanted)
    until_all_is_told(kubernetes, namespace)
    found = kubernetes.run("kubectl", "diff", *how, "-n", namespace, "-f", "-", text=wanted, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_a_new_object_says_that_no_operator_has_looked_at_it(kubernetes, namespace):
    kubernetes.apply(a_model_deployment(namespace))
    # What kstatus makes of it is told among the recorded statuses.
    assert now(kubernetes, namespace)["status"] == NEW


@pytest.fixture
def a_chart(tmp_path):
    """A chart of a user's with a ModelDeployment in it, of a version."""

    def written(namespace, version, uri):
        (tmp_path / "templates").mkdir(exist_ok=True)
        (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: models, version: 0.1.0}")
        wanted = of_git(namespace, version=version, uri=uri)
        (tmp_path / "templates" / "model.yaml").write_text(yaml.safe_dump(wanted))
        return str(tmp_path)

    return written


def test_helm_waits_for_a_rollout_and_goes_back_when_a_version_is_refused(
    kubernetes, kubelet, namespace, start_operator, a_chart
):
    start_operator()
    waiting = ("-n", namespace, "--wait", "--timeout", "60s")
    kubernetes.helm("install", "models", a_chart(namespace, "v1", "file:///models/v1.onnx"), *waiting)
    assert is_ready(kubernetes, namespace)
    bad = a_chart(namespace, "v2", "file:///models/missing")
    with pytest.raises(Exception, match="v2"):
        kubernetes.helm("upgrade", "models", bad, *waiting, "--rollback-on-failure")
    found = now(kubernetes, namespace)
    assert found["spec"]["model"]["version"] == "v1"
    assert is_ready(kubernetes, namespace)
    assert found["status"]["versions"][0]["outcome"] in {"FailedPreflight", "Promoted"}
