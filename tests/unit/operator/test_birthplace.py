"""Pods tell Prometheus the namespace in which they run; those born before they did so may name another."""

from datetime import UTC, datetime
from typing import Any

import pytest

from serin_operator.api.reasons import Reason
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.status import ModelDeploymentStatus
from serin_operator.decide.health.birthplace import born_elsewhere
from serin_operator.decide.manifests.pod import namespace_of, template
from serin_operator.decide.world import BornRevision, ChildMeta, ModelDeployment, OperatorConfig, Revision, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPEC = ModelDeploymentSpec.model_validate({"model": {"version": "v1", "uri": "http://models/v1.onnx"}})
MDEP = ModelDeployment("here", "m", "uid", 1, "1", {}, SPEC, ModelDeploymentStatus())
CONFIG = OperatorConfig("image")
WORLD = World(NOW, CONFIG, MDEP)


def revision(born: dict[str, Any]) -> Revision:
    meta = ChildMeta("apps/v1", "ControllerRevision", "m-rev1", "u", "1", owned=True, created_at=NOW)
    return Revision("rev1", born=BornRevision(meta, 1, "v1", "uri", "sha", born))


def naming(namespace: str) -> dict[str, Any]:
    env = [{"name": "SERIN_MODEL_NAMESPACE", "value": namespace}]
    return {"spec": {"containers": [{"name": "sidecar"}, {"name": "server", "env": env}]}}


def test_a_template_that_names_another_namespace_is_told_with_the_way_out() -> None:
    found = born_elsewhere(WORLD, revision(naming("there")))
    assert found is not None
    assert found.reason is Reason.BORN_ELSEWHERE
    assert "v1 was born in namespace there" in found.message
    assert "give the same model another spec.model.version" in found.message


@pytest.mark.parametrize(
    "born", [naming("here"), template(MDEP, CONFIG, "rev1", "sha"), {}], ids=["here", "wherever it runs", "nothing"]
)
def test_all_other_templates_are_at_home(born: dict[str, Any]) -> None:
    assert born_elsewhere(WORLD, revision(born)) is None


def test_new_templates_name_no_namespace() -> None:
    assert namespace_of(template(MDEP, CONFIG, "rev1", "sha")) is None
