"""Notices from a real operator against a real API server: in order, once by key, through a receiver that is away and a kill."""

import json

import pytest
from tests.cluster.operator.test_process import a_model_deployment, is_ready
from tests.support.noticed import receiver

pytestmark = pytest.mark.cluster

QUICK = {"steps": [{"weight": 50, "holdSeconds": 1}], "bakeSeconds": 1}
EVERYTHING = [
    "Started",
    "Step",
    "Held",
    "Promoted",
    "RolledBack",
    "PreflightFailed",
    "Aborted",
    "Superseded",
    "Recovered",
]


def waiting(kubernetes, namespace):
    """Notices that status still has."""
    obj = kubernetes.get("modeldeployment", "m", "-n", namespace)
    return [each for each in obj["status"].get("outbox", []) if "notice" in each]


def channels(folder, url):
    """SERIN_NOTIFY, and the Secret of its channel as the kubelet would mount it."""
    (folder / "ops").mkdir(exist_ok=True)
    (folder / "ops" / "url").write_text(url)
    (folder / "ops" / "signingKey").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    return json.dumps({"channels": [{"name": "ops", "kind": "Webhook"}], "folder": str(folder), "cluster": "here"})


def test_a_receiver_that_was_away_while_the_operator_was_killed_hears_everything_once_and_in_order(
    kubernetes, kubelet, namespace, start_operator, tmp_path
):
    with receiver() as there:
        there.status = 503
        notify = channels(tmp_path, there.url)
        told = [{"channel": "ops", "about": EVERYTHING}, {"channel": "nobody"}]
        first = start_operator(NOTIFY=notify)
        kubernetes.apply(a_model_deployment(namespace, rollout=QUICK, notify=told))
        kubernetes.wait_for("v1 to serve", lambda: is_ready(kubernetes, namespace))
        v2 = a_model_deployment(namespace, version="v2", uri="file:///models/v2.onnx", rollout=QUICK, notify=told)
        kubernetes.apply(v2)
        kubernetes.wait_for("v2 to serve", lambda: is_ready(kubernetes, namespace, version="v2"))
        kubernetes.wait_for("the channel to be left alone", lambda: "channel ops: HTTP 503" in first.page("/readyz"))
        assert there.url not in first.page("/metrics") + first.page("/readyz") + first.log.read_text()
        first.kill()
        there.status = 204
        second = start_operator(NOTIFY=notify)
        kubernetes.wait_for("the second to lead", second.is_leading, seconds=120)
        kubernetes.wait_for("everything to be told", lambda: not waiting(kubernetes, namespace), seconds=60)
        assert there.heard == [
            *("Started v1", "Promoted v1"),
            *("Started v2", "Step v2", "Step v2", "Promoted v2"),
        ]
        assert len(there.events) == len(there.heard)
        assert all(headers["webhook-signature"].startswith("v1,") for headers in there.headers)
        assert {event["data"]["cluster"] for event in there.events} == {"here"}
        assert second.metric('serin_operator_notices_total{channel="ops",result="delivered"}') == len(there.events)
    obj = kubernetes.get("modeldeployment", "m", "-n", namespace)
    degraded = next(each for each in obj["status"]["conditions"] if each["type"] == "Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "ChannelUnknown")


def test_a_channel_that_cannot_be_is_refused_when_it_is_applied(kubernetes, namespace):
    wrong = [
        ([{"channel": "ops"}, {"channel": "ops"}], "Duplicate"),
        ([{"channel": "Ops!"}], "as notify.channels of the chart has it"),
        ([{"channel": "ops", "about": ["Lunch"]}], "Unsupported value"),
    ]
    for notify, said in wrong:
        done = kubernetes.run(
            "kubectl", "apply", "-f", "-", text=json.dumps(a_model_deployment(namespace, notify=notify)), check=False
        )
        assert done.returncode
        assert said in done.stderr
