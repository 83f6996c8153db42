"""What serves, what is rolled out and what was decided: read from status, whatever wrote it, and harmless to print."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.golden.gitops import moments
from tests.support.kubectl_serin import Clock, FakeKubectl, asked, of_simulation
from tests.unit.kubectl_serin.schemas import SCHEMAS

from kubectl_serin.kubectl import Ended
from kubectl_serin.plan import BAKE_SECONDS, DEADLINE_SECONDS, PROGRESS_SECONDS, stages_of
from serin_operator.api.spec import ModelDeploymentSpec
from serin_operator.decide.wanted.settings import settings_of

MODEL = {"model": {"version": "v1", "uri": "http://models/v1.onnx"}}
READING = ("get", "get credit-risk", "status credit-risk", "why credit-risk", "history credit-risk", "diff credit-risk")


@pytest.fixture(scope="module")
def statuses() -> list[FakeKubectl]:
    some = (moments.a_canary_waits_for_data, moments.rolled_back, moments.baking, moments.a_person_has_aborted)
    return [of_simulation(asyncio.run(moment())) for moment in some]


@pytest.mark.parametrize("command", READING)
def test_what_programs_read_is_as_promised_and_the_same_in_yaml(statuses: list[FakeKubectl], command: str) -> None:
    for kubectl in statuses:
        _, told, _ = asked(kubectl, *command.split(), "-o", "json")
        document = json.loads(told)
        jsonschema_rs.validate(SCHEMAS[command], document)
        _, told, _ = asked(kubectl, *command.split(), "-o", "yaml")
        assert yaml.safe_load(told) == document


@pytest.mark.parametrize(
    "rollout",
    [
        {},
        {"steps": [{"weight": 0}, {"weight": 7, "holdSeconds": 0, "pause": True}]},
        {"strategy": "BlueGreen"},
        {"strategy": "BlueGreen", "blueGreen": {"holdSeconds": 5, "pause": True}},
        {"strategy": "Immediate"},
        {"strategy": "Shadow"},
        {"strategy": "Shadow", "shadow": {"mirrorPercent": 20, "holdSeconds": 0}, "steps": [{"weight": 10}]},
        {"strategy": "ABTest"},
        {"strategy": "ABTest", "abTest": {"holdSeconds": 5, "pause": True}, "steps": [{"weight": 10}]},
        {"strategy": "BlueGreen", "blueGreen": {"testers": True}},
        {"steps": [{"weight": 0, "mirrorPercent": 5}, {"weight": 0, "testers": True}, {"weight": 50}]},
    ],
    ids=str,
)
def test_stages_and_deadlines_are_those_of_the_operator(rollout: dict[str, Any]) -> None:
    spec = {**MODEL, "rollout": rollout}
    settings = settings_of(ModelDeploymentSpec.model_validate(spec))
    theirs, ours = (
        [(stage.weight, stage.hold_seconds, stage.pause, stage.mirror, stage.testers) for stage in stages]
        for stages in (settings.stages, stages_of(spec))
    )
    assert ours == theirs
    clocks = (BAKE_SECONDS, PROGRESS_SECONDS, DEADLINE_SECONDS)
    assert clocks == (settings.bake_seconds, settings.progress_deadline_seconds, settings.deadline_seconds)


def old_status(kubectl: FakeKubectl) -> FakeKubectl:
    """What an operator of the first release wrote: no clocks, no actions, no generations of conditions."""
    for obj in kubectl.objects:
        if obj["kind"] == "ModelDeployment":
            status = obj["status"]
            for field in ("actions", "floor", "selector", "traffic", "outbox"):
                status.pop(field, None)
            for part in ("stable", "canary"):
                for field in ("observed", "analysis", "progress", "verdict", "sha256", "readyReplicas", "replicas"):
                    (status.get(part) or {}).pop(field, None)
            for entry in status.get("versions") or ():
                entry.pop("message", None)
            for condition in status["conditions"]:
                condition.pop("observedGeneration")
    return kubectl


@pytest.mark.parametrize("command", READING)
async def test_a_status_of_an_older_release_is_told_as_far_as_it_goes(command: str) -> None:
    kubectl = old_status(of_simulation(await moments.a_canary_waits_for_data()))
    _, told, error = asked(kubectl, *command.split(), "-o", "json")
    assert error == ""
    jsonschema_rs.validate(SCHEMAS[command], json.loads(told))
    assert asked(kubectl, *command.split())[1]


async def test_a_report_of_an_older_release_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    kubectl = old_status(of_simulation(await moments.a_canary_waits_for_data()))
    code, _, error = asked(kubectl, "report", "credit-risk", "-o", str(tmp_path / "page.html"))
    assert (code, "no Prometheus" in error or error == "") == (0, True), error
    assert "v2" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("status", [None, {}, {"conditions": []}, {"observedGeneration": -1}], ids=str)
def test_an_object_that_nobody_has_looked_at_says_so_and_ends_as_under_way(status: Any) -> None:
    obj = {"kind": "ModelDeployment", "metadata": {"name": "m", "generation": 1}, "spec": MODEL, "status": status}
    _, told, _ = asked(FakeKubectl(obj), "get", "m")
    assert "the operator to look at the spec" in told
    assert asked(FakeKubectl(obj), "status", "m")[0] == 3
    assert asked(FakeKubectl(obj), "why", "m")[0] == 4


X = {"name": "x", "datatype": "FP32", "shape": [-1, 3]}
OLD: dict[str, Any] = {
    "signatureDigest": "a" * 64,
    "inputs": [X],
    "outputs": [{**X, "name": "p"}],
    "classes": ["0", "1"],
}


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (OLD, {**OLD, "inputs": [{**X, "shape": [-1, 4]}]}, {"input x": ("FP32 [-1, 3]", "FP32 [-1, 4]")}),
        (OLD, {**OLD, "optional": [{**X, "name": "z"}]}, {"optional input z": (None, "FP32 [-1, 3]")}),
        (
            OLD,
            {**OLD, "outputs": [], "classes": ["1", "0"]},
            {"output p": ("FP32 [-1, 3]", None), "classes": ("0, 1", "1, 0")},
        ),
        (OLD, OLD, {}),
        (OLD, {**OLD, "signatureDigest": "b" * 64, "truncated": True}, {"signature": ("a" * 16, "b" * 16)}),
        (None, OLD, {"signature": ("not recorded", "a" * 16)}),
        (None, None, {}),
    ],
    ids=[
        "a shape",
        "one more",
        "one less, and classes",
        "the same",
        "too many to tell",
        "an older release",
        "two of one",
    ],
)
async def test_a_difference_of_signatures_is_told_tensor_by_tensor_where_both_are_known(
    old: Any, new: Any, lines: Any
) -> None:
    kubectl = of_simulation(await moments.rolled_back())
    (model,) = (each for each in kubectl.objects if each["kind"] == "ModelDeployment")
    versions = model["status"]["versions"]
    for entry, signature in zip(versions, (new, old), strict=True):
        entry.update({"signature": signature} if signature else {})
    _, told, _ = asked(kubectl, "diff", "credit-risk", versions[1]["version"], versions[0]["version"], "-o", "json")
    words = ("input", "optional", "output", "classes", "signature")
    found = {d["what"]: (d.get("a"), d.get("b")) for d in json.loads(told)["different"] if d["what"].startswith(words)}
    assert found == lines


async def test_a_variant_that_is_served_is_named_and_what_it_was_made_from() -> None:
    kubectl = of_simulation(await moments.rolled_back())
    (model,) = (each for each in kubectl.objects if each["kind"] == "ModelDeployment")
    new, old = model["status"]["versions"]
    old["optimized"] = {"variant": "Int8Dynamic", "sourceSha256": "e" * 64}
    assert "Int8Dynamic" in asked(kubectl, "get", "credit-risk")[1]
    assert f"{old['version']} (Int8Dynamic) *" in asked(kubectl, "history", "credit-risk")[1]
    _, told, _ = asked(kubectl, "diff", "credit-risk", old["version"], new["version"], "-o", "json")
    found = {each["what"]: each["a"] for each in json.loads(told)["different"]}
    assert (found["variant"], found["made from sha256"]) == ("Int8Dynamic", "e" * 64)
    _, told, _ = asked(kubectl, "history", "credit-risk", "-o", "json")
    document = json.loads(told)
    jsonschema_rs.validate(SCHEMAS["history credit-risk"], document)
    assert [each["variant"] for each in document["versions"]] == [None, "Int8Dynamic"]


async def test_words_from_the_cluster_are_not_obeyed_by_the_terminal() -> None:
    kubectl = of_simulation(await moments.rolled_back())
    hostile = "\x1b[31mred\x1b[0m [bold]loud[/bold] \u202eback\r\nnext :boom: <script>"
    for obj in kubectl.objects:
        if obj["kind"] == "ModelDeployment":
            for entry in (*obj["status"]["versions"], *obj["status"]["conditions"]):
                entry["message"] = hostile
            for entry in obj["status"]["versions"]:
                entry["signature"] = {
                    "signatureDigest": entry["revision"],
                    "inputs": [{**X, "name": hostile + entry["revision"]}],
                }
    for command in READING:
        _, told, error = asked(kubectl, *command.split())
        assert not {"\x1b", "\u202e", "\r"} & set(told + error)
    assert "[bold]loud[/bold]" in asked(kubectl, "why", "credit-risk")[1]
    assert ":boom: <script>" in asked(kubectl, "why", "credit-risk")[1]


async def test_waiting_ends_with_what_became_of_it_and_says_meanwhile_what_it_waits_for() -> None:
    waiting, over = [of_simulation(await m()) for m in (moments.a_canary_waits_for_data, moments.rolled_back)]
    clock = Clock()

    def moves() -> None:
        waiting.objects = over.objects

    clock.on_sleep = moves
    code, told, meanwhile = asked(waiting, "status", "credit-risk", "--wait", clock=clock)
    assert code == 1
    assert "stalled: AnalysisFailed" in told
    assert "1 of 50 requests in this step" in meanwhile


async def test_waiting_too_long_ends_with_a_code_of_its_own() -> None:
    kubectl = of_simulation(await moments.a_canary_waits_for_data())
    code, told, _ = asked(kubectl, "status", "credit-risk", "--wait", "--timeout", "10")
    assert (code, "under way" in told) == (3, True)


async def test_a_watch_draws_again_until_somebody_stops_it() -> None:
    kubectl, clock, turns = of_simulation(await moments.baking()), Clock(), []

    def stops() -> None:
        turns.append(1)
        if len(turns) == 3:
            raise KeyboardInterrupt

    clock.on_sleep = stops
    with pytest.raises(KeyboardInterrupt):
        asked(kubectl, "get", "credit-risk", "-w", clock=clock)
    assert sum(call[0] == "get" and "credit-risk" in call for call in kubectl.calls) == 3


async def test_pods_that_may_not_be_seen_are_no_reason_to_tell_nothing() -> None:
    kubectl = of_simulation(await moments.baking())

    def run(arguments: tuple[str, ...], text: str | None) -> Ended:
        if "pods" in arguments:
            return Ended(1, "", 'Error from server (Forbidden): pods is forbidden: User "ada" cannot list')
        return kubectl(arguments, text)

    code, told, _ = asked(run, "get", "credit-risk")
    assert (code, "pods: you may not see them" in told) == (0, True)


def test_the_program_starts_without_what_only_some_commands_need() -> None:
    heavy = (
        "pydantic",
        "rich",
        "yaml",
        "kubernetes",
        "urllib.request",
        "kubectl_serin.play",
        "serin_operator.decide.analysis",
    )
    program = f"import sys, kubectl_serin.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _after_a_guard(*, on_failure: str) -> FakeKubectl:
    """v2 was promoted a week ago, and its guard has found it worse."""
    found = "accuracy: of 1,599 pairs 84 where only the canary was wrong, 21 only stable; evidence 10^6 of 400 needed"
    ended = {"endedAt": "2026-11-20T12:01:38Z"} if on_failure == "Rollback" else {}
    outcome = "RolledBack" if ended else "Promoted"
    v2 = {"version": "v2", "revision": "b", "uri": "http://models/v2.onnx", "outcome": outcome, **ended}
    v2 |= {"reason": "GuardFailed", "message": found, "promotedAt": "2026-11-13T12:00:00Z"}
    v1 = {"version": "v1", "revision": "a", "uri": "http://models/v1.onnx", "outcome": "Promoted", "reason": "Promoted"}
    v1 |= {"message": "v1 serves all traffic again, since the guard of v2 failed", "promotedAt": "2026-11-20T12:01:38Z"}
    status = {"versions": [v1, v2] if ended else [v2, v1]}
    metadata = {"name": "m", "namespace": "scoring"}
    return FakeKubectl({"kind": "ModelDeployment", "metadata": metadata, "spec": MODEL, "status": status})


@pytest.mark.parametrize("on_failure", ["Rollback", "Notify"])
def test_why_tells_what_a_guard_has_found_with_its_numbers_and_not_that_the_version_before_is_back(
    on_failure: str,
) -> None:
    kubectl = _after_a_guard(on_failure=on_failure)
    told = asked(kubectl, "why", "m")[1]
    then = {"Rollback": "v2 was rolled back", "Notify": "v2 was promoted, and its guard has failed since"}
    assert told.startswith(then[on_failure])
    assert "of 1,599 pairs 84 where only the canary was wrong" in told
    assert "times likelier if it is worse" in told
    assert "every step" not in told + asked(kubectl, "why", "m", "v1")[1]
