"""Who carries the traffic is no part of what a version is."""

from tests.support.simulation import spec

from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.wanted.revision import revision_of

GATEWAY = {"gateway": {"parentRefs": [{"name": "public"}], "hostnames": ["models.example.com"]}}


def test_a_change_of_traffic_is_no_new_revision() -> None:
    revisions = {
        revision_of(ModelDeploymentSpec.model_validate(spec(**more)))
        for more in ({}, {"traffic": GATEWAY}, {"traffic": {"routeRef": {"name": "mine"}}})
    }
    assert len(revisions) == 1
