"""What the API server and its controllers say when they refuse an object, and what is made of it."""

import pytest

from serin_operator.api.reasons import Reason
from serin_operator.decide.health.refusals import HELD_AGAINST_NOBODY, LONGEST, refused, steady
from serin_operator.decide.memory.states import Refusal

POST = "create Deployment scoring/m-6csf35gomi: "
POLICY = (
    "deployments.apps \"m-6csf35gomi\" is forbidden: ValidatingAdmissionPolicy 'require-labels' with binding"
    " 'require-labels' denied request: label cost-centre is required on the pod template"
)
TABLE = [
    (
        POST
        + 'Internal error occurred: failed calling webhook "validate.policy-engine.example": failed to call webhook:'
        ' Post "https://policy-engine.policy-engine.svc:443/validate?timeout=2s": service "policy-engine" not found',
        Reason.WEBHOOK_UNAVAILABLE,
        "admission webhook validate.policy-engine.example does not answer",
    ),
    (
        'conversion webhook for serin.dev/v1, Kind=ModelDeployment failed: Post "https://x": EOF',
        Reason.WEBHOOK_UNAVAILABLE,
        "conversion webhook for serin.dev/v1",
    ),
    (
        POST + POLICY.replace(" with binding 'require-labels'", ""),
        Reason.POLICY_DENIED,
        "policy require-labels refuses",
    ),
    (POST + POLICY, Reason.POLICY_DENIED, "label cost-centre is required on the pod template; policy require-labels"),
    (
        (
            'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Deployment/scoring/m was blocked'
            " due to the following policies\n\nrequire-labels:\n  check: 'validation error: label cost-centre is required'\n"
        ),
        Reason.POLICY_DENIED,
        "require-labels: check: 'validation error: label cost-centre is required'; policy validate.kyverno.svc-fail",
    ),
    (
        'admission webhook "validation.gatekeeper.sh" denied the request: [cost] you must provide labels: {"cost-centre"}',
        Reason.POLICY_DENIED,
        "[cost] you must provide labels",
    ),
    (
        (
            'pods "m-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container'
            ' "istio-init" must set securityContext.allowPrivilegeEscalation=false)'
        ),
        Reason.POLICY_DENIED,
        "Pod Security level restricted:latest",
    ),
    (
        (
            'pods "m-x" is forbidden: unable to validate against any security context constraint: provider restricted-v2:'
            " .spec.securityContext.runAsUser: Invalid value: 65532: must be in the ranges: [1000670000, 1000679999]"
        ),
        Reason.POLICY_DENIED,
        "podUser=Cluster, then retry",
    ),
    (
        'pods "m" is forbidden: image policy webhook backend denied one or more images: unsigned',
        Reason.POLICY_DENIED,
        "sign or allow the image",
    ),
    (
        'pods "m" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4',
        Reason.QUOTA_EXCEEDED,
        "limited: pods=4; raise the ResourceQuota",
    ),
    (
        'pods "m" is forbidden: failed quota: small: must specify limits.cpu for: server',
        Reason.QUOTA_EXCEEDED,
        "set it in spec.runtime.resources",
    ),
    (
        (
            'pods "m-x-" is forbidden: error looking up service account scoring/no-such-account: serviceaccount'
            ' "no-such-account" not found'
        ),
        Reason.MISSING_REFERENCE,
        (
            "ServiceAccount no-such-account does not exist in namespace scoring: create it, or correct"
            " spec.runtime.serviceAccountName"
        ),
    ),
    (
        'pods "m" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
        Reason.CREATION_FORBIDDEN,
        "a LimitRange of the namespace says so",
    ),
    (
        (
            'services is forbidden: User "system:serviceaccount:serin-system:serin" cannot create resource "services" in API'
            ' group "" in the namespace "scoring"'
        ),
        Reason.CREATION_FORBIDDEN,
        "may not create services: install the chart's roles again",
    ),
    (
        (
            'services "m" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set'
            " finalizers on: , <nil>"
        ),
        Reason.CREATION_FORBIDDEN,
        "the operator may not update finalizers",
    ),
    (
        'jobs.batch "m" is forbidden: unable to create new content in namespace x because it is being terminated',
        Reason.CREATION_FORBIDDEN,
        "the namespace is being deleted",
    ),
    (
        'Deployment.apps "m" is invalid: spec.template.spec.containers[0].image: Required value',
        Reason.INVALID_SPEC,
        "image: Required value; correct the field",
    ),
    ("the words of something new", Reason.CREATION_FORBIDDEN, "the words of something new"),
]


@pytest.mark.parametrize(("message", "reason", "words"), TABLE, ids=[f"{row[1]}: {row[0][:40]}" for row in TABLE])
def test_a_refusal_has_a_reason_and_the_way_out(message: str, reason: Reason, words: str) -> None:
    found = refused(message)
    assert (found.reason, words in found.message) == (reason, True), found


def test_webhooks_and_policies_are_never_held_against_a_version_and_quotas_are() -> None:
    assert {Reason.WEBHOOK_UNAVAILABLE, Reason.POLICY_DENIED} <= HELD_AGAINST_NOBODY
    assert Reason.QUOTA_EXCEEDED not in HELD_AGAINST_NOBODY


def test_the_same_refusal_is_told_in_the_same_words() -> None:
    one = 'pods "m-6cs-5f7d-x2k4j" denied: request-id: 7f3a-1 at 2026-11-20T12:00:00Z 0a1b2c3d-0000-1111-2222-333344445555'
    two = 'pods "m-6cs-5f7d-bb7vz" denied: request-id: 8e2c-2 at 2026-11-20T12:00:07Z 99999999-0000-1111-2222-333344445555'
    assert refused(one) == refused(two)
    assert "m-6cs-5f7d-…" in refused(one).message


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("used: pods=4, limited: pods=4", "used: pods=5, limited: pods=5"),
        ("dial tcp 10.0.0.1:443: connection refused", "dial tcp 10.0.0.9:443: connection refused"),
        ("read [fd00::1]:443 timed out after 2.5s", "read [fd00::2]:443 timed out after 10s"),
        ("used: memory=512Mi", "used: memory=1Gi"),
        ("the object has resourceVersion 12345", "the object has resourceVersion 12399"),
        ("layer 3ba6f5b10badc4527f5c0b92 missing", "layer 9da5af7635b9373af8bcb432 missing"),
    ],
)
def test_what_changes_is_left_out_of_comparisons(one: str, two: str) -> None:
    assert steady(one) == steady(two)


@pytest.mark.parametrize(("one", "two"), [("v1 waits", "v2 waits"), ("pod m-1 fails", "pod m-2 fails")])
def test_names_with_digits_are_compared(one: str, two: str) -> None:
    assert steady(one) != steady(two)


def test_a_long_message_keeps_both_ends() -> None:
    message = refused("create Deployment: " + "x" * 5000 + " the reason").message
    assert message.startswith("create Deployment: ")
    assert message.endswith(" the reason")
    assert len(message) <= LONGEST + len(" … ")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            'pods "m" is forbidden: error looking up service account ns/me: serviceaccount "me" not found',
            "ServiceAccount me does not exist in namespace ns: create it, or correct spec.runtime.serviceAccountName",
        ),
        (
            'pods "m" is forbidden: no PriorityClass with name high was found',
            "PriorityClass high does not exist: create it, or correct spec.runtime.pod.priorityClassName",
        ),
        (
            'pods "m" is forbidden: pod rejected: RuntimeClass "gvisor" not found',
            "RuntimeClass gvisor does not exist: create it, or correct spec.runtime.pod.runtimeClassName",
        ),
    ],
)
def test_what_is_missing_is_all_that_is_told(message: str, told: str) -> None:
    assert refused(message) == Refusal(Reason.MISSING_REFERENCE, told)


@pytest.mark.parametrize(("length", "is_cut"), [(LONGEST, False), (LONGEST + 1, True)])
def test_a_message_is_cut_only_where_it_is_too_long(length: int, is_cut: bool) -> None:
    message = "".join(chr(ord("g") + n % 20) for n in range(length))
    cut = f"{message[:200]} … {message[-500:]}"
    assert refused(message).message == (cut if is_cut else message)


def test_sidecars_and_gates_of_others_are_held_against_nobody_either() -> None:
    others = {Reason.SIDECAR_NOT_READY, Reason.READINESS_GATE}
    assert {Reason.WEBHOOK_UNAVAILABLE, Reason.POLICY_DENIED} | others == HELD_AGAINST_NOBODY
