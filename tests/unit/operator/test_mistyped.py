"""A value of the wrong type is told with what to write, and never where it may open something."""

from typing import Any

import pytest
from pydantic import ValidationError

from serin_operator.api.mistyped import mistyped, of_problem, shown
from serin_operator.api.spec import ModelDeploymentSpec

WEIGHT, HOLD, RATE = "spec.rollout.steps[0].weight", "spec.rollout.bakeSeconds", "spec.analysis.falseRollbackRate"


@pytest.mark.parametrize(
    ("path", "value", "kind", "said"),
    [
        ("spec.replicas", "3", "integer", 'must be an integer, is the string "3": write 3 without quotes'),
        ("spec.replicas", 2.5, "integer", "must be an integer, is the number 2.5: write a whole number"),
        ("spec.replicas", True, "integer", "must be an integer, is the boolean true: write a whole number"),
        (WEIGHT, "10%", "integer", 'must be an integer, is the string "10%": write 10'),
        (WEIGHT, "50.0 %", "integer", 'must be an integer, is the string "50.0 %": write 50'),
        (WEIGHT, "12.5%", "integer", 'must be an integer, is the string "12.5%": write a whole number'),
        (WEIGHT, "some", "integer", 'must be an integer, is the string "some": write a whole number'),
        (RATE, "5 %", "number", 'must be a number, is the string "5 %": write 0.05'),
        (RATE, "1e-2", "number", 'must be a number, is the string "1e-2": write 1e-2 without quotes'),
        (HOLD, "5m", "integer", 'must be an integer, is the string "5m": write seconds: 300'),
        ("spec.paused", "yes", "boolean", 'must be true or false, is the string "yes": write true without quotes'),
        ("spec.paused", 1, "boolean", "must be true or false, is the integer 1: write true or false, without quotes"),
        ("spec.model.version", 7, "string", 'must be a string, is the integer 7: write it in quotes: "7"'),
        ("spec.runtime.image", False, "string", "must be a string, is the boolean false: write the word in quotes"),
        ("spec.rollout.steps", {"weight": 10}, "array", "must be a list, is an object: write a list: each item"),
        ("spec.rollout", "Canary", "object", 'must be an object, is the string "Canary": write its fields below it'),
        ("spec.runtime.resources.limits.cpu", 0.5, "integer,string", 'is the number 0.5: write it in quotes: "0.5"'),
        ("spec.model.version", None, "string", "must be a string, is null: write one value, in quotes"),
        ("spec.model.version", ["a"], "string", "must be a string, is a list: write one value, in quotes"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_what_to_write(path: str, value: Any, kind: str, said: str) -> None:
    assert said in mistyped(path, value, kind)


@pytest.mark.parametrize(
    "path",
    [
        "spec.runtime.env[3].value",
        "spec.preflight.command.env[0].value",
        "spec.preflight.command.args[1]",
        "spec.model.headerSecret.key",
        "spec.model.credentials.secretName",
        "spec.model.uri",
        "spec.serving.apiKeys.secretKeyRef.key",
        "spec.runtime.pod.annotations.token",
        "metadata.annotations.x",
    ],
)
def test_what_may_open_something_is_told_by_its_type_alone(path: str) -> None:
    for value, kind in ((4711, "string"), ("4711", "integer"), (47.11, "string")):
        assert "47" not in mistyped(path, value, kind)
    assert shown(path, 4711) == "an integer"
    assert shown(path, "4711") == "a string"


def test_a_long_text_is_cut() -> None:
    assert len(shown("spec.replicas", "9" * 1000)) < 80


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"replicas": "many"}, 'spec.replicas: must be an integer, is the string "many": write a whole number'),
        ({"rollout": {"steps": [{"weight": 10.5}]}}, "spec.rollout.steps[0].weight: must be an integer, is the number 10.5"),
        ({"rollout": {"steps": 3}}, "spec.rollout.steps: must be a list, is the integer 3"),
        ({"rollout": "Canary"}, 'spec.rollout: must be an object, is the string "Canary"'),
        ({"runtime": {"env": [{"name": "A", "value": 4711}]}}, "spec.runtime.env[0].value: must be a string, is an integer: write it"),
        ({"replicas": -1}, "spec.replicas: Input should be greater than or equal to 0"),
    ],
)  # fmt: skip
def test_what_the_operator_finds_in_an_object_from_before_is_said_likewise(more: dict[str, Any], said: str) -> None:
    spec = {"model": {"version": "v1", "uri": "https://models.example.com/m.onnx"}, **more}
    with pytest.raises(ValidationError) as caught:
        ModelDeploymentSpec.model_validate(spec)
    assert of_problem(caught.value.errors()[0]).startswith(said)
