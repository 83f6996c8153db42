"""An API server that is gone for a minute in the middle of a rollout, and endpoints that lag behind."""

import time

import pytest
from tests.support.kubernetes import uses_current_context
from tests.support.serin import Space

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(uses_current_context(), reason="another's cluster is not ours to break"),
]
OUTAGE_SECONDS = 60
LAG_SECONDS = 20
"""Several times as long as a server waits for new clients before it leaves."""


def test_the_api_server_is_gone_for_a_minute_in_mid_rollout_and_the_rollout_ends_well(space: Space) -> None:
    local = space.kubernetes.local
    assert local is not None
    rollout = {"steps": [{"weight": 50, "holdSeconds": 5}, {"weight": 60, "holdSeconds": 5}], "bakeSeconds": 3}
    space.apply("v1", rollout=rollout)
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=20)
    space.apply("v2", rollout=rollout)
    space.wait_until("a step", lambda: (space.status().get("canary") or {}).get("phase") == "Holding", 60)
    local.stop_apiserver()
    try:
        back = time.monotonic() + OUTAGE_SECONDS
        space.kubernetes.wait_for("a minute without", lambda: time.monotonic() > back, OUTAGE_SECONDS + 5)
    finally:
        local.start_apiserver()
    space.wait_until_serves("v2", 120)
    assert [(v["version"], v["outcome"]) for v in space.status()["versions"]] == [
        ("v2", "Promoted"),
        ("v1", "Promoted"),
    ]
    assert space.lost_requests() == ""


def test_a_pod_that_goes_while_endpoints_lag_answers_until_its_clients_know(space: Space) -> None:
    """As when the API server dies between a pod's deletion and the news of it: nobody is told for a while."""
    local = space.kubernetes.local
    assert local is not None
    space.apply("v1")
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=80)
    space.wait_until("clients come and go", lambda: space.traffic()["sent"] > 400)
    going = space.pods()[0]["metadata"]["name"]
    local.control_plane.box.stop_program("kube-controller-manager", 2)  # it writes the endpoints
    try:
        space.kubectl("delete", "pod", going, "--wait=false")
        late = time.monotonic() + LAG_SECONDS
        space.kubernetes.wait_for("the lag", lambda: time.monotonic() > late, LAG_SECONDS + 5)
        assert space.kubectl("get", "pod", going, "-o", "jsonpath={.status.containerStatuses[0].state.running}")
    finally:
        local.control_plane.finish()
    space.wait_until("it leaves when its clients know", lambda: going not in space.kubectl("get", "pods"), 120)
    space.wait_until_serves("v1")
    assert space.lost_requests() == ""
