"""Pods with everything that a spec can ask for, before a namespace that enforces the restricted Pod Security Standard."""

import json
from dataclasses import replace

import pytest
from tests.cluster.api.table import GOOD
from tests.golden.pods.test_pod_templates import CONFIG, mdep

from serin_operator.api.store import ModelStore
from serin_operator.decide.manifests.pod import template

pytestmark = pytest.mark.cluster

OF_THE_CLUSTER = ("serviceAccountName", "priorityClassName", "runtimeClassName")
"""Objects that are looked up on admission, and are not there."""


@pytest.mark.parametrize("has_fixed_user", [True, False], ids=["user 65532", "the cluster's user"])
@pytest.mark.parametrize("resolve", [False, True], ids=["serving", "resolving"])
def test_a_restricted_namespace_admits_the_pods(kubernetes, namespace, has_fixed_user, resolve):
    kubernetes.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    config = replace(CONFIG, has_fixed_user=has_fixed_user, stores={"*": ModelStore(uri="pvc://kept/models")})
    pod = template(mdep(GOOD["spec"]), config, "rev1", "0" * 64, resolve=resolve)
    spec = {name: value for name, value in pod["spec"].items() if name not in OF_THE_CLUSTER}
    wanted = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**pod["metadata"], "name": "m", "namespace": namespace},
        "spec": spec,
    }
    said = kubernetes.wait_for(  # the default account is made a little later than the namespace
        "the pod to be admitted",
        lambda: kubernetes.kubectl("create", "--dry-run=server", "-f", "-", text=json.dumps(wanted)),
    )
    assert "pod/m created" in said
