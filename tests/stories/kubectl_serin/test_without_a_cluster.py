"""lint and simulate: the operator's own rules, decisions and evidence, with no cluster anywhere."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.support.kubectl_serin import FakeKubectl, asked
from tests.unit.kubectl_serin.schemas import SCHEMAS

from kubectl_serin.play.player import Player
from kubectl_serin.play.scope import playable
from kubectl_serin.play.traffic import MadeUp
from kubectl_serin.problems import Problem
from kubectl_serin.slips import slips
from serin_operator.api.kinds.kind import Kind
from serin_operator.api.kinds.registry import KINDS
from serin_operator.api.spec import ModelDeploymentSpec

ANALYSED = {
    "model": {"version": "v3", "uri": "https://models.example.com/v3.onnx"},
    "replicas": 3,
    "rollout": {"steps": [{"weight": 50, "holdSeconds": 120}], "bakeSeconds": 30},
    "analysis": {"metrics": [{"name": "errors", "errorRate": {}}, {"name": "accuracy", "accuracy": {}}]},
}
NOBODY = FakeKubectl()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def written(spec: dict[str, Any], kind: str = "ModelDeployment") -> str:
        path = tmp_path / "model.yaml"
        made = {"apiVersion": "serin.dev/v1alpha1", "kind": kind, "metadata": {"name": "credit-risk"}, "spec": spec}
        path.write_text(yaml.safe_dump(made))
        return str(path)

    return written


def played(world: str, **spec: Any) -> Any:
    return Player(ModelDeploymentSpec.model_validate({**ANALYSED, **spec}), "credit-risk", MadeUp.parse(world)).play(
        20000
    )


def test_a_version_that_is_as_good_is_promoted_step_by_step() -> None:
    ending = played("rate=20")
    assert ending.outcome == "Promoted"
    reasons = [str(told.reason) for told in ending.story]
    assert reasons == ["RolloutStarted", "ModelResolved", "StepStarted", "Switched", "Promoted"]


def test_a_model_that_is_signed_kept_optimised_and_proven_is_played_like_another() -> None:
    model = {
        "version": "v3",
        "uri": "s3://models/v3/",
        "verify": {"publicKeys": {"name": "signers", "key": "keys.pem"}},
        "optimize": {"variants": ["Graph"], "maxAccuracyLoss": 0.01},
        "store": {"uri": "s3://kept"},
    }
    gates = {"goldenSamples": {}, "signature": "Backward"}
    assert played("rate=20", model=model, preflight=gates).outcome == "Promoted"


def test_a_version_that_is_worse_is_rolled_back_with_the_numbers_of_its_labels() -> None:
    ending = played("rate=20,worse-by=0.2,labels=0.5")
    assert ending.outcome == "RolledBack"
    assert "evidence" in ending.message
    assert 0.4 < ending.labels / ending.requests < 0.6


def test_a_version_that_fails_requests_is_rolled_back() -> None:
    assert played("rate=20,errors-by=0.1").outcome == "RolledBack"


def test_without_traffic_it_waits_and_is_not_promoted() -> None:
    ending = played("rate=0", rollout={**ANALYSED["rollout"], "deadlineSeconds": 300})
    assert ending.outcome == "InProgress"
    assert "no verdict within 300 s" in ending.message


def test_a_version_that_is_slow_is_rolled_back() -> None:
    slow = {"metrics": [{"name": "slow", "latency": {"slowerThanSeconds": 0.25}}]}
    assert played("rate=20,slow-by=0.1", analysis=slow).outcome == "RolledBack"
    assert played("rate=20", analysis=slow).outcome == "Promoted"


def test_metrics_of_which_a_made_up_world_says_nothing_are_left_out_and_never_waited_for(file: Any) -> None:
    mixed = [*ANALYSED["analysis"]["metrics"], {"name": "drift", "predictionDrift": {}}]
    code, _, said = asked(NOBODY, "simulate", file({**ANALYSED, "analysis": {"metrics": mixed}}), "--world", "rate=20")
    assert code == 0
    assert len(said.splitlines()) == 1
    assert "played without drift" in said
    code, _, said = asked(NOBODY, "simulate", file({**ANALYSED, "analysis": {"metrics": mixed[-1:]}}))
    assert code == 0
    assert "time alone decides" in said


def test_slices_and_a_guard_are_left_out_of_a_made_up_world_and_named(file: Any) -> None:
    slices = {"by": "region", "values": ["north", "south"]}
    spec = {
        **ANALYSED,
        "analysis": {"metrics": [{"name": "accuracy", "accuracy": {}, "slices": slices}]},
        "guard": {"seconds": 3600},
    }
    code, _, said = asked(NOBODY, "simulate", file(spec), "--world", "rate=20,labels=0.5")
    assert code == 0, said
    assert "played without slices of accuracy" in said
    assert "played without spec.guard" in said


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("apiVersion: serin.dev/v1", 1, 'apiVersion: Unsupported value: "serin.dev/v1": this release knows "serin.dev/v1alpha1"'),
        ("apiVersion: serin.dev/v1alpha1\nkind: ModelDeployment", 1, "the key 'kind' is there twice in line 3"),
        ("apiVersion: serin.dev/v1alpha1", 0, "m: ok"),
    ],
    ids=["another version of the API", "a key twice", "a date that is a text"],
)  # fmt: skip
def test_a_file_is_read_as_kubectl_reads_it(tmp_path: Path, text: str, code: int, says: str) -> None:
    path = tmp_path / "m.yaml"
    spec = "spec: {model: {version: 2026-11-27, uri: https://models.example.com/m.onnx}}"
    path.write_text(f"{text}\nkind: ModelDeployment\nmetadata: {{name: m}}\n{spec}\n")
    given, out, error = asked(NOBODY, "lint", str(path))
    assert given == code, out + error
    assert says in " ".join((out + error).split())


def test_a_guard_and_slices_without_tokens_are_told(file: Any) -> None:
    slices = {"by": "region", "values": ["north", "south"]}
    metrics = [{"name": "accuracy", "accuracy": {}, "slices": slices}]
    spec = {**ANALYSED, "analysis": {"metrics": metrics}, "guard": {"seconds": 3600}}
    told = " ".join(asked(NOBODY, "lint", file(spec))[1].split())
    assert "a guard goes on comparing for 1 h after the promotion; if it fails, the version before comes back" in told
    assert "never count without spec.serving.feedback.signing" in told
    assert "each of its 2 slices waits for labels of its own" in told
    signed = {**spec, "serving": {"feedback": {"signing": "Managed"}}}
    assert "never count" not in asked(NOBODY, "lint", file(signed))[1]


def test_a_play_that_is_still_under_way_at_its_end_did_not_come_in_time(file: Any) -> None:
    assert asked(NOBODY, "simulate", file(ANALYSED), "--world", "rate=0.001", "--hours", "0.05")[0] == 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.field)
def test_no_kind_of_metric_breaks_what_is_done_without_a_cluster(file: Any, kind: Kind) -> None:
    spec = {
        **ANALYSED,
        "serving": {"prediction": {"kind": "Regression"}, "feedback": {"signing": "Managed"}},
        "analysis": {"pairing": {"sample": 0.1}, "metrics": [{"name": "it", kind.field: dict(kind.example)}]},
    }
    told = asked(NOBODY, "lint", file(spec), "-o", "json")[1]
    assert [line.partition(":")[0] for line in json.loads(told)["items"][0]["slips"]] == ["it"]
    assert asked(NOBODY, "simulate", file(spec), "--world", "rate=20")[0] == 0


GATEWAY = {"gateway": {"parentRefs": [{"name": "edge"}]}}


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ({"strategy": "Shadow", "steps": [{"weight": 50}]}, "played from its steps on"),
        ({"strategy": "ABTest", "steps": [{"weight": 50}]}, "played from its steps on"),
        ({"strategy": "BlueGreen", "blueGreen": {"mirrorPercent": 10}}, "nothing to compare before"),
        ({"steps": [{"weight": 0, "testers": True}, {"weight": 50}]}, "without 1 of its steps"),
    ],
    ids=str,
)
def test_copies_and_testers_are_left_out_of_the_play_and_said_so(rollout: dict[str, Any], said: str) -> None:
    spec, remarks = playable(ModelDeploymentSpec.model_validate({**ANALYSED, "traffic": GATEWAY, "rollout": rollout}))
    assert any(said in remark for remark in remarks)
    assert Player(spec, "credit-risk", MadeUp.parse("rate=20")).play(20000).outcome == "Promoted"


@pytest.mark.parametrize("strategy", ["Shadow", "ABTest"])
def test_a_rollout_of_nothing_but_copies_or_testers_is_not_said_to_be_promoted(strategy: str) -> None:
    spec = ModelDeploymentSpec.model_validate({**ANALYSED, "traffic": GATEWAY, "rollout": {"strategy": strategy}})
    with pytest.raises(Problem, match="nothing of this rollout can be played"):
        playable(spec)


def test_what_no_stage_can_tell_is_said_to_slip_through() -> None:
    spec = {**ANALYSED, "traffic": GATEWAY, "rollout": {"strategy": "Shadow"}}
    errors, accuracy = slips(spec)
    assert "a version " in errors
    assert "any version slips through" in accuracy


@pytest.mark.parametrize("strategy", ["BlueGreen", "Immediate"])
def test_other_strategies_are_played_too(strategy: str) -> None:
    assert played("", rollout={"strategy": strategy, "bakeSeconds": 5}, analysis=None).outcome == "Promoted"


def test_the_same_seed_tells_the_same_story() -> None:
    one, same = played("rate=5,worse-by=0.1,seed=7"), played("rate=5,worse-by=0.1,seed=7")
    assert (one.story, one.message) == (same.story, same.message)


def test_what_is_printed_is_the_story_and_what_became_of_it(file: Any) -> None:
    code, told, _ = asked(NOBODY, "simulate", file(ANALYSED), "--world", "worse-by=0.2,rate=20")
    assert code == 1
    assert "RolledBack" in told
    assert "labels" in told.splitlines()[-1]
    arguments = ("simulate", file(ANALYSED), "--world", "rate=20", "--times", "2", "-o", "json")
    jsonschema_rs.validate(SCHEMAS["simulate"], json.loads(asked(NOBODY, *arguments)[1]))


def test_the_page_of_the_command_line_prints_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Path(__file__).parents[3] / "docs"
    second = (pages / "first-model.md").read_text().partition("## A second version")[2]
    (tmp_path / "v3.yaml").write_text(second.partition("```yaml\n")[2].partition("```")[0])
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```\n[$] kubectl serin ((?:lint|simulate) .*)\n([^`]*)```", (pages / "cli.md").read_text())
    assert [command.split()[0] for command, _ in blocks] == ["lint", "simulate"]
    for command, printed in blocks:
        assert asked(NOBODY, *command.split())[1].split() == printed.split()


@pytest.mark.parametrize("world", ["speed=1", "rate=fast", "labels=2", "worse-by=0.99", "rate=-1", "accuracy"])
def test_a_world_that_cannot_be_is_refused_with_what_can_be(file: Any, world: str) -> None:
    code, _, error = asked(NOBODY, "simulate", file(ANALYSED), "--world", world)
    assert code == 1
    assert "--world" in error


def test_a_good_file_is_told_what_it_does_and_what_slips_through(file: Any) -> None:
    code, told, _ = asked(NOBODY, "lint", file(ANALYSED))
    assert code == 0
    assert "50 % for 2 min, then everything" in told
    assert "slips through" in told
    jsonschema_rs.validate(SCHEMAS["lint"], json.loads(asked(NOBODY, "lint", file(ANALYSED), "-o", "json")[1]))


def test_more_samples_let_less_slip_through() -> None:
    def points(samples: int) -> float:
        spec = {**ANALYSED, "analysis": {**ANALYSED["analysis"], "minSamples": samples}}
        return float(list(slips(spec))[1].partition("a version ")[2].partition(" ")[0])

    assert points(10000) < points(1000) < points(100)


def _with_steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return {**ANALYSED, "rollout": {"steps": list(steps)}}


def test_the_samples_that_a_step_chooses_itself_are_told_with_what_they_find() -> None:
    errors, *_, accuracy, _ = slips(_with_steps({"weight": 25, "minSamples": "Auto", "detect": 0.05}))
    assert errors.startswith("errors: minSamples: Auto asks for ")
    assert errors.endswith("a version 5 points worse is found there with a probability of 0.8")
    assert float(accuracy.split()[5].replace(",", "")) > float(errors.split()[5].replace(",", "")), "errors are rarer"


def test_what_the_margin_allows_cannot_be_found_and_is_refused_by_lint(file: Any) -> None:
    spec = _with_steps({"weight": 10}, {"weight": 25, "minSamples": "Auto", "detect": 0.01})
    code, told, _ = asked(NOBODY, "lint", file(spec), "-o", "json")
    (mistake,) = json.loads(told)["items"][0]["mistakes"]
    assert (code, mistake["field"]) == (1, "spec.rollout.steps[1].detect")
    assert "within the margin of accuracy" in mistake["says"]


def test_of_a_score_what_slips_through_is_told_in_its_own_unit() -> None:
    rated = {"name": "rated", "score": {"between": [1, 5], "maxDecrease": 0.1}}
    (told,) = slips({**ANALYSED, "analysis": {"metrics": [rated], "minSamples": 2000}})
    worse = float(told.partition("a version worse by ")[2].partition(" on average")[0])
    assert 0.1 < worse < 1


def test_a_version_whose_scores_are_worse_is_rolled_back_in_the_play() -> None:
    rated = {"name": "rated", "score": {"between": [1, 5], "maxDecrease": 0.1}}
    spec = ModelDeploymentSpec.model_validate({**ANALYSED, "analysis": {"metrics": [rated]}})
    played = Player(spec, "credit-risk", MadeUp.parse("rate=20,score-by=0.3")).play(20000)
    assert played.outcome == "RolledBack"


def test_a_rollout_that_compares_nothing_is_told_so(file: Any) -> None:
    told = asked(NOBODY, "lint", file({"model": ANALYSED["model"]}))[1]
    assert "nothing is compared" in told


def test_a_bad_file_is_refused_with_the_field_and_cannot_be_played(file: Any) -> None:
    bad = file({**ANALYSED, "rollout": {"steps": [{"weight": 50}, {"weight": 10}]}})
    code, told, _ = asked(NOBODY, "lint", bad)
    assert (code, "spec.rollout.steps: Invalid value: Weights must rise" in told) == (1, True)
    code, _, error = asked(NOBODY, "simulate", bad)
    assert (code, "would be refused" in error) == (1, True)


@pytest.mark.parametrize("text", ["a: [", "kind: Pod", ""], ids=["no YAML", "something else", "nothing"])
def test_a_file_without_a_model_deployment_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    code, _, error = asked(NOBODY, "lint", str(tmp_path / "x.yaml"))
    assert code in {1, 4}
    assert "x.yaml" in error
    assert asked(NOBODY, "lint", str(tmp_path / "missing.yaml"))[0] == 4


def test_as_one_file_without_pydantic_a_sentence_says_what_is_missing(
    file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pydantic", "serin_operator.api.crd", "serin_operator.api.schema", "serin_operator.api.spec"):
        monkeypatch.setitem(sys.modules, name, None)
    code, told, error = asked(NOBODY, "lint", file(ANALYSED))
    assert (code, told) == (6, "")
    assert "uv tool install" in error
