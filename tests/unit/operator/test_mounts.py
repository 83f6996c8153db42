"""Which volume a pod waits for is read off the kubelet's events, by the names of the spec."""

from typing import Any

import pytest

from serin_operator.decide.pod import MountProblem
from serin_operator.observe.mounts import unmounted

VOLUMES = [
    {"name": "tls", "secret": {"secretName": "credit-tls"}},
    {"name": "source-ca", "configMap": {"name": "company-ca"}},
]


def pod(state: str | None = "ContainerCreating", **status: Any) -> dict[str, Any]:
    """A pod on a node, as its container is being created."""
    statuses = [{"state": {"waiting": {"reason": state}}}] if state else []
    return {
        "metadata": {"uid": "u1"},
        "spec": {"nodeName": "node1", "volumes": VOLUMES},
        "status": {"phase": "Pending", "containerStatuses": statuses, **status},
    }


def event(message: str, at: str = "2026-11-20T12:00:00Z", uid: str = "u1") -> dict[str, Any]:
    return {"metadata": {}, "involvedObject": {"uid": uid}, "message": message, "lastTimestamp": at}


NOT_FOUND = event('MountVolume.SetUp failed for volume "tls" : secret "credit-tls" not found')
NO_KEY = event(
    'MountVolume.SetUp failed for volume "source-ca" : references non-existent config key: ca.crt',
    at="2026-11-20T12:00:01Z",
)
LATE = event("Unable to attach or mount volumes: unmounted volumes=[tls]: timed out waiting for the condition")


def test_the_object_behind_the_volume_is_named() -> None:
    assert unmounted(pod(), [NOT_FOUND, NO_KEY, LATE]) == (
        MountProblem("source-ca", "ConfigMap", "company-ca", "references non-existent config key: ca.crt"),
        MountProblem("tls", "Secret", "credit-tls", 'secret "credit-tls" not found'),
    )


def test_the_newest_event_about_a_volume_counts() -> None:
    newer = event('MountVolume.SetUp failed for volume "tls" : no room', at="2026-11-20T12:00:09Z")
    (problem,) = unmounted(pod(), [newer, NOT_FOUND])
    assert problem.message == "no room"


def test_a_pod_without_a_word_about_its_container_may_wait_too() -> None:
    assert unmounted(pod(state=None), [NOT_FOUND])


@pytest.mark.parametrize(
    ("waits_no_more", "events"),
    [
        (pod(phase="Running"), [NOT_FOUND]),
        (pod(state="ImagePullBackOff"), [NOT_FOUND]),
        ({**pod(), "spec": {"volumes": VOLUMES}}, [NOT_FOUND]),
        (pod(), [event(NOT_FOUND["message"], uid="another")]),
        (pod(), [LATE]),
        (pod(), []),
    ],
    ids=["it runs", "its image is pulled", "it has no node", "another pod's event", "no volume is named", "no events"],
)
def test_nothing_is_missing_otherwise(waits_no_more: dict[str, Any], events: list[dict[str, Any]]) -> None:
    assert unmounted(waits_no_more, events) == ()


def test_a_volume_that_the_spec_did_not_ask_for_keeps_the_kubelets_words() -> None:
    (problem,) = unmounted(pod(), [event('MountVolume.SetUp failed for volume "mesh" : the driver is not there')])
    assert problem == MountProblem("mesh", "", "", "the driver is not there")
