"""What lint says beyond the API server's words: the nearest field, where one stands, what a share is."""

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.api.table import GOOD

from kubectl_serin.files import read
from kubectl_serin.problems import Problem
from kubectl_serin.rules.schema import mistakes
from serin_operator.api.crd import object_schema

SCHEMA = object_schema()


def said(path: str, value: Any) -> str:
    """What is said of the good resource, with one field more or another value."""
    resource: Any = copy.deepcopy(GOOD)
    place = resource["spec"]
    *above, last = path.split(".")
    for part in above:
        place = place.setdefault(part, {}) if not part.isdigit() else place[int(part)]
    place[last] = value
    return "\n".join(map(str, mistakes(resource, SCHEMA)))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("replica", 3, "spec.replica: unknown field: did you mean replicas?"),
        ("rollout.bake_seconds", 30, "spec.rollout.bake_seconds: unknown field: did you mean bakeSeconds?"),
        ("rollout.bakeSecods", 30, "did you mean bakeSeconds?"),
        ("bakeSeconds", 30, "spec.bakeSeconds: unknown field: it stands in spec.rollout.bakeSeconds"),
        ("falseRollbackRate", 0.1, "it stands in spec.analysis.falseRollbackRate"),
        ("rollout.replicas", 3, "spec.rollout.replicas: unknown field: it stands in spec.replicas"),
        ("rollout.detect", 0.1, "it stands in spec.rollout.steps[].detect"),
        ("threshold", 0.1, "spec.threshold: unknown field: remove it, or correct its name"),
        ("rollout.strategy", "canary", 'supported values: "Canary"'),
        ("rollout.strategy", "canary", "; did you mean Canary?"),
        ("rollout.onDeadline", False, "Unsupported value: false: write the word in quotes"),
        ("analysis.falseRollbackRate", 5, "should be less than 0.5: it is a share, 0.05 is 5 %"),
        ("analysis.intervalSeconds", 1, "should be greater than or equal to 2"),
        (
            "replicas",
            "3",
            'spec.replicas: Invalid value: must be an integer, is the string "3": write 3 without quotes',
        ),
    ],
)
def test_the_way_out_is_told(path: str, value: Any, words: str) -> None:
    assert words in said(path, value)


def test_a_typing_error_hides_no_rule_that_is_broken_too() -> None:
    told = said("rollout", {"steps": [{"weight": 50}, {"weight": 10, "holdSecond": 5}], "bakeSeconds": -1})
    assert "spec.rollout.steps[1].holdSecond: unknown field: did you mean holdSeconds?" in told
    assert "spec.rollout.bakeSeconds: Invalid value: -1" in told
    assert "Weights must rise" in told


def test_seconds_are_no_share() -> None:
    assert "share" not in said("runtime.batchWindowSeconds", 2)


def test_what_an_object_in_the_place_of_a_word_holds_is_not_told() -> None:
    assert "hush" not in said("rollout.strategy", {"password": "hush"})


HEAD = "apiVersion: serin.dev/v1alpha1"
REST = "metadata: {name: m}\nspec: {model: {version: v1, uri: https://models.example.com/m.onnx}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}\nkind: Modeldeployment\n{REST}", 'kind: Unsupported value: "Modeldeployment": write ModelDeployment'),
        (f"{HEAD}\nkind: ModelDeploymnet\n{REST}", "write ModelDeployment, which is the only kind of serin.dev"),
        (f"{HEAD}\nkind: Model\n{REST}", "write ModelDeployment"),
        (f"{HEAD}\n{REST}", 'kind: Unsupported value: "None"'),
        (f"kind: ModelDeployment\n{REST}", "apiVersion: Required value: write serin.dev/v1alpha1"),
        (f"apiVersion: v1alpha1\nkind: ModelDeployment\n{REST}", 'apiVersion: Unsupported value: "v1alpha1"'),
    ],
)
def test_a_wrong_kind_or_version_of_the_api_is_told(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text)
    (found,) = read([str(file)])
    assert words in "\n".join(map(str, found.mistakes()))


def test_what_kubectl_prints_of_several_is_read(tmp_path: Path) -> None:
    one = "\n".join(f"    {line}" for line in f"{HEAD}\nkind: ModelDeployment\n{REST}".splitlines())
    file = tmp_path / "m.yaml"
    file.write_text(f"apiVersion: v1\nkind: List\nitems:\n  -{one[3:]}\n  -{one[3:]}\n")
    assert [found.mistakes() for found in read([str(file)])] == [(), ()]


@pytest.mark.parametrize(
    "text", ["kind: Deployment\napiVersion: apps/v1\n", "kind: ConfigMap\ndata: {items: []}\n", "[1, 2]\n"]
)
def test_other_kinds_are_left_to_others(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text)
    with pytest.raises(Problem):
        list(read([str(file)]))
