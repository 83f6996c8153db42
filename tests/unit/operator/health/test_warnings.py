"""What only Warning events tell of a pod: the most telling first, and nothing that is over."""

from datetime import UTC, datetime
from typing import Any

import pytest

from serin_operator.api.reasons import Reason
from serin_operator.decide.health.warnings import hint_of_pod, trouble_of_pod
from serin_operator.decide.pod import Pod, Warned

BACK_OFF, MOUNT = Warned("BackOff", "again"), Warned("FailedMount", "no volume")
PROBE = Warned("Unhealthy", "503", "server", 30.0)


def pod(*warnings: Warned, **more: Any) -> Pod:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    return Pod("p", "rev1", "server", "Pending", False, False, 0, now, warnings=warnings, **more)


@pytest.mark.parametrize(
    ("seen", "reason", "said"),
    [
        pytest.param(
            pod(BACK_OFF, MOUNT), Reason.VOLUME_NOT_MOUNTED, "FailedMount: no volume", id="a cause goes first"
        ),
        pytest.param(pod(BACK_OFF), Reason.PODS_NOT_READY, "BackOff: again", id="what tells least, where it is all"),
        pytest.param(pod(MOUNT, running=True), None, "", id="it runs: that is over"),
        pytest.param(pod(MOUNT, container_ready=True), None, "", id="it proves itself: that is over"),
        pytest.param(pod(Warned("Strange", "x")), None, "", id="a word that nobody knows"),
        pytest.param(
            pod(PROBE, running=True), Reason.PODS_NOT_READY, "Unhealthy: 503", id="a probe fails for half a minute"
        ),
        pytest.param(pod(Warned("Unhealthy", "503", "server", 29.9)), None, "", id="a probe fails while a model loads"),
        pytest.param(pod(PROBE, container_ready=True), None, "", id="ours proves itself meanwhile"),
        pytest.param(
            pod(Warned("Unhealthy", "503", "proxy", 30.0), container_ready=True),
            Reason.PODS_NOT_READY,
            "p (container proxy): Unhealthy: 503",
            id="another container's probe fails",
        ),
        pytest.param(
            pod(Warned("FailedScheduling", "full"), running=True), Reason.POD_UNSCHEDULABLE, "full", id="it has no node"
        ),
        pytest.param(pod(Warned("FailedScheduling", "full"), node="n"), None, "", id="it has a node meanwhile"),
    ],
)
def test_the_warning_that_explains_why_a_pod_is_not_ready(seen: Pod, reason: Reason | None, said: str) -> None:
    found = trouble_of_pod(seen)
    assert (found.reason if found else None) == reason
    assert (found.message if found else "").endswith(said)


def test_a_hint_is_the_newest_warning_whatever_it_says() -> None:
    assert hint_of_pod(pod(BACK_OFF, MOUNT)) == "pod p: BackOff: again"
    assert hint_of_pod(pod()) is None
