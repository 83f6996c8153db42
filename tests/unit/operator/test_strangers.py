"""A pod that is not Serin's is named where it takes requests, and nowhere else."""

from datetime import UTC, datetime

from serin_operator.api.reasons import Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.health.strangers import stranger_that_serves
from serin_operator.decide.world import Foreign, ModelDeployment, OperatorConfig, Why, World

SPEC = ModelDeploymentSpec.model_validate({"model": {"version": "v1", "uri": "http://models/v1.onnx"}})
MDEP = ModelDeployment("here", "m", "uid", 1, "1", {}, SPEC, ModelDeploymentStatus())
DEBUG = Foreign("Pod", "debug", Why.LABELS_ONLY, "pod debug is nobody's")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def world(*foreign: Foreign, endpoints: tuple[str, ...]) -> World:
    return World(NOW, OperatorConfig("image"), MDEP, foreign=foreign, endpoints=frozenset(endpoints))


def test_a_debug_pod_that_gets_requests_is_named() -> None:
    found = stranger_that_serves(world(DEBUG, endpoints=("debug", "m-1")))
    assert found is not None
    assert found.reason is Reason.STRANGER_SERVES
    assert found.message == "pod debug is nobody's; Service m sends it requests"


def test_several_are_counted() -> None:
    another = Foreign("Pod", "debug2", Why.LABELS_ONLY, "")
    found = stranger_that_serves(world(DEBUG, another, endpoints=("debug", "debug2")))
    assert found is not None
    assert found.message.endswith(", and 1 more")


def test_one_that_gets_none_is_nobody_s_business() -> None:
    service = Foreign("Service", "m-1", Why.LABELS_ONLY, "")
    assert stranger_that_serves(world(DEBUG, service, endpoints=("m-1",))) is None
