"""Fields that are settings of the server: their values are written so that it reads them, and none is forgotten."""

import re
from dataclasses import fields
from typing import Any

import pytest
from tests.cluster.api.table import GOOD

from serin_operator.api.crd import object_schema
from serin_operator.api.rules import RULES
from serin_operator.api.schema import fields as schema_fields
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.api.variables import FILE_VARIABLES, NOT_SEEN_BY_CEL, VARIABLES, variables_of
from serin_operator.decide.health.missing import FIELDS_OF_VOLUMES
from serin_operator.decide.wanted.revision import revision_of
from serin_server.config.settings import Settings, settings_from

MODEL = {"version": "v1", "uri": "https://models.example.com/v1.onnx"}

OF_NEWER_SERVERS = {
    "SERIN_BATCHING",
    "SERIN_BATCH_WINDOW_SECONDS",
    "SERIN_PREFERRED_BATCH_ROWS",
    "SERIN_MEMORY_BUDGET_BYTES",
}


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


@pytest.mark.parametrize(
    ("serving", "variables"),
    [
        (
            {"jwt": {"jwks": {}, "audience": "Credit", "issuer": "https://i"}},
            {"JWT_AUDIENCE": "Credit", "JWT_ISSUER": "https://i"},
        ),
        ({"feedback": {"unsigned": "Accept"}}, {"FEEDBACK_UNSIGNED": "on"}),
        (
            {"feedback": {"unsigned": "Refuse", "maxAgeSeconds": 60}},
            {"FEEDBACK_UNSIGNED": "off", "FEEDBACK_MAX_AGE_SECONDS": "60"},
        ),
        ({"payloadLog": {"to": "Stdout"}}, {"PAYLOAD_LOG": "stdout"}),
        (
            {"payloadLog": {"to": "https://Sink/E", "hide": ["A", "b"]}},
            {"PAYLOAD_LOG": "https://Sink/E", "PAYLOAD_LOG_HIDE": "A,b"},
        ),
        ({"limits": {"memoryBudget": "1.5Gi"}}, {"MEMORY_BUDGET_BYTES": "1610612736"}),
        ({"limits": {"memoryBudget": 1000000}}, {"MEMORY_BUDGET_BYTES": "1000000"}),
        ({"limits": {"requestTimeoutSeconds": 0}}, {"REQUEST_TIMEOUT_SECONDS": "0"}),
        (
            {"prediction": {"kind": "Regression", "output": "P", "tolerance": 0.5}},
            {"FEEDBACK_KIND": "regression", "PREDICTION_OUTPUT": "P", "FEEDBACK_TOLERANCE": "0.5"},
        ),
    ],
    ids=str,
)
def test_serving_reaches_the_server_in_its_own_words(serving: dict[str, Any], variables: dict[str, str]) -> None:
    assert told(serving=serving) == {f"SERIN_{name}": value for name, value in variables.items()}


SERVERS = {f"SERIN_{each.name.upper()}": each for each in fields(Settings)}


def test_the_server_takes_everything_that_a_spec_can_say() -> None:
    spec = ModelDeploymentSpec.model_validate({**GOOD["spec"], "model": MODEL})
    said = variables_of(spec.model_dump(by_alias=True, exclude_none=True))
    assert set(said) == set(VARIABLES.values())
    # Rates are by key, and keys come as a file.
    settings_from({"SERIN_MODEL_URI": "m.onnx", "SERIN_API_KEYS_FILE": "keys", **said})


def test_every_variable_of_a_field_is_the_servers() -> None:
    assert {*VARIABLES.values(), *FILE_VARIABLES} - set(SERVERS) <= OF_NEWER_SERVERS


def test_a_default_that_a_description_promises_is_the_servers() -> None:
    nodes = dict(schema_fields(object_schema()))
    for path, variable in VARIABLES.items():
        promised = re.search(r"Default ([\d.]*\d)", nodes[f"spec.{path}"]["description"])
        if promised and variable in SERVERS:
            assert float(promised[1]) == SERVERS[variable].default, path


def test_every_field_behind_a_file_and_a_volume_exists() -> None:
    nodes = dict(schema_fields(object_schema()))
    for path in (*(f"spec.{path}" for path in FILE_VARIABLES.values()), *FIELDS_OF_VOLUMES.values()):
        assert path in nodes


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
    rules = [rule for rule in RULES if rule.field == ".runtime.env"]
    for path, variable in VARIABLES.items():
        asked, told = f"e.name == '{variable}' && has(self.{path})", f"{variable} and spec.{path}"
        twice = any(asked in rule.rule and told in rule.says + rule.tells for rule in rules)
        assert twice or (path in NOT_SEEN_BY_CEL and refused_by_name(variable))
