"""Fields that are settings of the server: how their values are written, and that none is forgotten."""

from typing import Any

import pytest

from serin_operator.api.rules import RULES
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.variables import NOT_SEEN_BY_CEL, VARIABLES, variables_of
from serin_operator.decide.revision import revision_of

MODEL = {"version": "v1", "uri": "https://models.example.com/v1.onnx"}


def told(**more: Any) -> dict[str, str]:
    spec = ModelDeploymentSpec.model_validate({"model": MODEL, **more})
    return variables_of(spec.model_dump(by_alias=True, exclude_none=True))


@pytest.mark.parametrize(
    ("runtime", "variables"),
    [
        ({"batching": "Off"}, {"SERIN_BATCHING": "off"}),
        ({"batching": "Trusted"}, {"SERIN_BATCHING": "trusted"}),
        ({"maxBatchRows": 64}, {"SERIN_MAX_BATCH_ROWS": "64"}),
        ({"batchWindowSeconds": 0}, {"SERIN_BATCH_WINDOW_SECONDS": "0"}),
        ({"batchWindowSeconds": 0.002}, {"SERIN_BATCH_WINDOW_SECONDS": "0.002"}),
        ({"preferredBatchRows": [8, 16, 32]}, {"SERIN_PREFERRED_BATCH_ROWS": "8,16,32"}),
    ],
    ids=str,
)
def test_batching_reaches_the_server_in_its_own_words(runtime: dict[str, Any], variables: dict[str, str]) -> None:
    assert told(runtime=runtime) == variables


def test_what_is_not_said_is_not_set() -> None:
    assert told() == {}
    assert told(runtime={"threads": 2}) == {}


def refused_by_name(variable: str) -> bool:
    return any(
        rule.path == "spec.runtime.env[].name" and f"|{variable.removeprefix('SERIN_')}$" in rule.rule for rule in RULES
    )


def test_off_without_quotes_is_off_and_the_same_revision() -> None:
    bare, quoted = (
        ModelDeploymentSpec.model_validate({"model": MODEL, "runtime": {"batching": said}}) for said in (False, "Off")
    )
    assert bare == quoted
    assert revision_of(bare) == revision_of(quoted)


def test_every_field_that_is_a_setting_is_refused_beside_its_variable() -> None:
    rules = {rule.tells for rule in RULES if rule.field == ".runtime.env"}
    for path, variable in VARIABLES.items():
        twice = any(f"e.name == '{variable}') ? '{variable} and spec.{path} say" in rule for rule in rules)
        assert twice or (path in NOT_SEEN_BY_CEL and refused_by_name(variable))
