"""A policy that changes objects in flight: what it made of our write is not written again, and none is rolled by it."""

import pytest
from tests.cluster.operator.test_applies import SPECS, Restarted, create, intents_of, live

pytestmark = pytest.mark.cluster

IMAGE = "mirror.example.com/serin"


def a_policy(namespace, expression):
    rules = [
        {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}
    ]
    scope = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}, "resourceRules": rules}
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": namespace}}
    spec = {"matchConstraints": scope, "reinvocationPolicy": "Never", "mutations": [mutation]}
    binding = {"policyName": namespace}
    return (
        {**kind, "kind": "MutatingAdmissionPolicy", "spec": spec},
        {**kind, "kind": "MutatingAdmissionPolicyBinding", "spec": binding},
    )


OTHER_IMAGE = (
    "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec."
    f'template.spec.containers{{name: "server", image: "{IMAGE}"}}]}}}}}}}}'
)


@pytest.fixture
def mutated(kubernetes, namespace):
    """Puts the policy in force."""

    def start():
        kubernetes.apply(*a_policy(namespace, OTHER_IMAGE))

        def is_in_force():
            probe = {**intents_of(namespace, SPECS["as_little_as_possible"])[0]}
            probe["metadata"] = {**probe["metadata"], "name": "probe"}
            del probe["spec"]["paused"]
            kubernetes.apply(probe)
            found = kubernetes.get("deployment", "probe", "-n", namespace)
            kubernetes.kubectl("delete", "deployment", "probe", "-n", namespace)
            return image_of(found) == IMAGE

        kubernetes.wait_for("the policy to be in force", is_in_force)

    yield start
    for kind in ("mutatingadmissionpolicybinding", "mutatingadmissionpolicy"):
        kubernetes.kubectl("delete", kind, namespace, "--ignore-not-found")


def image_of(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]


async def test_a_policy_of_today_rolls_no_pod_of_yesterday(client, namespace, mutated):
    intent = intents_of(namespace, SPECS["as_little_as_possible"])[0]
    born = await create(client, intent)
    mutated()
    async with Restarted(client, namespace) as process:
        await process.apply(intent)
        assert process.writes == []
    assert (await live(client, intent))["spec"] == born["spec"]


async def test_what_a_policy_made_of_our_write_is_not_fought_over(kubernetes, client, namespace, mutated):
    mutated()
    intent = intents_of(namespace, SPECS["as_little_as_possible"])[0]
    assert image_of(await create(client, intent)) == IMAGE
    async with Restarted(client, namespace) as process:
        await process.apply(intent)
        assert process.writes == []
    kubernetes.kubectl("patch", "deployment", "credit-risk-rev1", "-n", namespace, "-p", '{"spec":{"paused":true}}')
    async with Restarted(client, namespace) as process:
        await process.apply(intent)
        assert process.writes == ["PATCH"], "what a person changes is still put right"
    async with Restarted(client, namespace) as process:
        await process.apply(intent)
        assert process.writes == []
