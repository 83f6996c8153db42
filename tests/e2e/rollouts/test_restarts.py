"""Serving pods are restarted one after another under the example's traffic, and no request is lost."""

import pytest
from tests.support.serin import Space

pytestmark = pytest.mark.e2e


def test_rolling_restarts_under_load_lose_no_request(space: Space) -> None:
    space.apply("v1")
    space.wait_until_serves("v1")
    space.start_traffic(requests_per_second=100)
    replaced = []
    for _ in range(2):
        for old in space.pods():
            replaced.append(old["metadata"]["name"])
            space.kubectl("delete", "pod", replaced[-1], "--wait=false")
            space.wait_until("two others are ready", lambda: len(space.endpoints() - set(replaced)) == 2)
    space.wait_until("they are gone", lambda: not any(pod in space.kubectl("get", "pods") for pod in replaced), 120)
    sent = space.traffic()["sent"]
    space.wait_until("traffic goes on", lambda: space.traffic()["sent"] > sent + 200)
    assert space.lost_requests() == ""
