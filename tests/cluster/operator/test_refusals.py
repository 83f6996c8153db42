"""What a real API server and its controllers say when they refuse, and the reason that is made of it."""

import pytest
import yaml

from serin_operator.api.reasons import Reason
from serin_operator.decide.health.refusals import refused

pytestmark = pytest.mark.cluster


def a_deployment(namespace, **pod):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "m-6csf35gomi", "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "m"}},
            "template": {
                "metadata": {"labels": {"app": "m"}},
                "spec": {"containers": [{"name": "server", "image": "none"}], **pod},
            },
        },
    }


def a_policy(namespace):
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rules = [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["deployments"]}]
    validation = {
        "expression": "'cost-centre' in object.spec.template.metadata.labels",
        "message": "label cost-centre is required",
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": f"require-{namespace}"}}
    constraints = {"namespaceSelector": here, "resourceRules": rules}
    spec = {"matchConstraints": constraints, "failurePolicy": "Fail", "validations": [validation]}
    binding = {"policyName": f"require-{namespace}", "validationActions": ["Deny"]}
    return [
        {**kind, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]


def a_webhook(namespace):
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"down-{namespace}"},
        "webhooks": [
            {
                "name": "validate.policy-engine.example",
                "clientConfig": {"service": {"name": "policy-engine", "namespace": namespace}},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["deployments"],
                    }
                ],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 2,
            }
        ],
    }


def refusal_of(kubernetes, deployment):
    """What the API server says, once it refuses; admission rules come into force a little later than they are written."""
    command = ("kubectl", "create", "--dry-run=server", "-f", "-")

    def said():
        done = kubernetes.run(*command, text=yaml.safe_dump(deployment), check=False)
        return done.stderr if done.returncode else None

    return refused(kubernetes.wait_for("a refusal", said))


def test_a_policy_is_told_from_a_mistake_in_the_spec(kubernetes, namespace):
    kubernetes.apply(*a_policy(namespace))
    found = refusal_of(kubernetes, a_deployment(namespace))
    kubernetes.kubectl("delete", "validatingadmissionpolicybinding", f"require-{namespace}")
    assert found.reason is Reason.POLICY_DENIED
    assert "label cost-centre is required" in found.message
    assert f"policy require-{namespace} refuses it" in found.message


def test_a_webhook_that_is_away_is_named(kubernetes, namespace):
    kubernetes.apply(a_webhook(namespace))
    found = refusal_of(kubernetes, a_deployment(namespace))
    kubernetes.kubectl("delete", "validatingwebhookconfiguration", f"down-{namespace}")
    assert found.reason is Reason.WEBHOOK_UNAVAILABLE
    assert "admission webhook validate.policy-engine.example does not answer" in found.message


QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}


@pytest.mark.parametrize(
    ("pod", "level", "objects", "reason", "words"),
    [
        (
            {"serviceAccountName": "nobody"},
            "privileged",
            [],
            Reason.MISSING_REFERENCE,
            "ServiceAccount nobody does not",
        ),
        (
            {"priorityClassName": "nobodys"},
            "privileged",
            [],
            Reason.MISSING_REFERENCE,
            "PriorityClass nobodys does not exist: create it, or correct spec.runtime.pod.priorityClassName",
        ),
        (
            {"runtimeClassName": "nobodys"},
            "privileged",
            [],
            Reason.MISSING_REFERENCE,
            "RuntimeClass nobodys does not exist: create it, or correct spec.runtime.pod.runtimeClassName",
        ),
        ({}, "restricted", [], Reason.POLICY_DENIED, "Pod Security level restricted:latest"),
        ({}, "privileged", [QUOTA], Reason.QUOTA_EXCEEDED, "exceeded quota: none"),
    ],
    ids=["an account", "a priority", "a runtime", "Pod Security", "a quota"],
)
def test_what_keeps_pods_from_being_made_is_read_from_their_deployment(
    kubernetes, namespace, pod, level, objects, reason, words
):
    kubernetes.kubectl("label", "namespace", namespace, f"pod-security.kubernetes.io/enforce={level}")
    for each in objects:
        kubernetes.apply({**each, "metadata": {**each["metadata"], "namespace": namespace}})
        kubernetes.wait_for(
            "the quota to count", lambda: kubernetes.get("resourcequota", "none", "-n", namespace)["status"].get("hard")
        )
    kubernetes.apply(a_deployment(namespace, **pod))

    def failure():
        status = kubernetes.get("deployment", "m-6csf35gomi", "-n", namespace).get("status", {})
        conditions = (c for c in status.get("conditions", []) if c["type"] == "ReplicaFailure")
        return next((c["message"] for c in conditions), None)

    found = refused(kubernetes.wait_for("a reason", failure))
    assert (found.reason, words in found.message) == (reason, True), found
