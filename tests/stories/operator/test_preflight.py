"""What a version shows before it gets a pod stands in the ledger, and a failed gate ends it."""

import json
from typing import Any

import pytest
from tests.support.simulation import (
    NAMESPACE,
    CommandEnds,
    Simulation,
    Waiting,
    deployment_of,
    serving,
    spec,
    uri_of,
    words,
)

ROW = {
    "name": "goldenSamples",
    "verdict": "Fail",
    "message": "9 of 12 golden samples give their outputs; sample 3: output 'y' differs",
}
WARNED = {**ROW, "verdict": "Warn"}
V2 = {"model": {"version": "v2", "uri": uri_of("v2")}, "preflight": {"goldenSamples": {"minMatch": 0.9}}}


async def test_a_failed_gate_ends_a_version_before_it_has_a_pod_and_says_which_row() -> None:
    simulation = await serving()
    report = {"ok": False, "reason": "GoldenSampleFailed", "message": ROW["message"], "preflight": [ROW]}
    simulation.behave(uri_of("v2"), report=report)
    simulation.change_spec(**V2)
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    entry = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert entry["preflight"] == [ROW]
    assert entry["reason"] == "GoldenSampleFailed"
    assert "sample 3" in words(simulation)
    assert deployment_of(simulation, "v2") is None
    assert simulation.stable == "v1"


async def test_a_warning_is_told_and_ends_nothing() -> None:
    simulation = await serving()
    simulation.behave(
        uri_of("v2"), report={"ok": True, "sha256": "b" * 64, "opset": 21, "preflight": [WARNED, 7, {"name": "x" * 99}]}
    )
    simulation.change_spec(**V2)
    await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
    entry = next(v for v in simulation.status["versions"] if v["version"] == "v2")
    assert entry["preflight"][0] == WARNED
    assert len(entry["preflight"]) == 2
    assert entry["outcome"] == "InProgress"


async def test_the_job_is_asked_for_the_gate_and_pods_are_not() -> None:
    simulation = await serving()
    simulation.change_spec(**V2)
    await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
    assert "SERIN_PREFLIGHT_GOLDEN" not in str(deployment_of(simulation, "v2"))


X = {"name": "x", "datatype": "FP32", "shape": [-1, 3]}
MONEY = {"name": "$(SERIN_MODEL_NAME)", "datatype": "FP32", "shape": [-1, 1]}
PROMISED = {"signatureDigest": "d" * 64, "inputs": [X, MONEY], "outputs": [X], "classes": ["no", "yes"]}
BY = {"None": None, **{word: {"signature": word} for word in ("Same", "Backward", "Any")}}


async def with_v2_resolving(preflight: Any = None, **v1: Any) -> tuple[Simulation, dict[str, Any]]:
    """Variables of the Job that resolves v2, while v1 serves, of which this was reported."""
    simulation = Simulation()
    simulation.behave(uri_of("v1"), report={"ok": True, "sha256": "a" * 64, "opset": 21, "truncated": False, **v1})
    simulation.behave(uri_of("v2"), resolve_after=60)
    simulation.kubectl_apply(spec("v1", **({"preflight": preflight} if preflight else {})))
    await simulation.live_until(lambda s: s.stable == "v1")
    simulation.change_spec(model=V2["model"])
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    return simulation, {each["name"]: each.get("value") for each in env}


@pytest.mark.parametrize(("asked", "word"), [("None", "warn"), ("Backward", "backward"), ("Same", "same")])
async def test_a_new_version_is_compared_with_what_the_ledger_knows_of_stable(asked: str, word: str) -> None:
    simulation, env = await with_v2_resolving(BY[asked], **PROMISED)
    assert env["SERIN_PREFLIGHT_SIGNATURE"] == word
    assert json.loads(env["SERIN_PREFLIGHT_STABLE"]) == {"version": "v1", **PROMISED}
    assert "$" not in env["SERIN_PREFLIGHT_STABLE"], "Kubernetes would replace it"
    assert simulation.errors == []


async def test_a_signature_that_may_be_any_is_not_compared() -> None:
    _, env = await with_v2_resolving(BY["Any"], **PROMISED)
    assert not [name for name in env if name.startswith("SERIN_PREFLIGHT")]


async def test_of_a_version_that_an_earlier_release_recorded_nothing_is_known_and_only_who_asked_is_told() -> None:
    _, env = await with_v2_resolving()
    assert "SERIN_PREFLIGHT_SIGNATURE" not in env
    _, env = await with_v2_resolving(BY["Same"])
    assert json.loads(env["SERIN_PREFLIGHT_STABLE"]) == {"version": "v1"}


@pytest.mark.parametrize(
    "nonsense",
    [{"inputs": [7]}, {"outputs": [{"name": "x" * 999, "datatype": "FP32", "shape": []}]}, {"signatureDigest": None}, {"classes": [{}]}],
    ids=["a number", "a name without end", "no digest", "a class that is none"],
)  # fmt: skip
async def test_a_signature_that_cannot_be_read_is_none_and_ends_nothing(nonsense: dict[str, Any]) -> None:
    simulation, env = await with_v2_resolving(**{**PROMISED, **nonsense})
    assert "signature" not in simulation.status["versions"][-1]
    assert "SERIN_PREFLIGHT_SIGNATURE" not in env


async def test_what_a_version_promises_stands_in_the_ledger_and_stays_when_people_go_back_to_it() -> None:
    simulation, _ = await with_v2_resolving(**PROMISED)
    simulation.behave(
        uri_of("v2"), report={"ok": True, "sha256": "b" * 64, "inputs": [X] * 90, "outputs": [], "signatureDigest": "e"}
    )
    await simulation.live_until(lambda s: s.stable == "v2", 600)
    new, old = simulation.status["versions"]
    assert old["signature"] == PROMISED
    assert (len(new["signature"]["inputs"]), new["signature"]["truncated"]) == (64, True)
    simulation.annotate("rollback=v1@night")
    await simulation.live_until(lambda s: s.stable == "v1", 600)
    assert simulation.status["versions"][0]["signature"] == PROMISED


async def test_what_a_refused_version_would_have_promised_is_told_too() -> None:
    simulation, _ = await with_v2_resolving(**PROMISED)
    row = {"name": "signature", "verdict": "Fail", "message": "unlike v1: the input 'x' is gone"}
    said = {
        "ok": False,
        "reason": "SignatureChanged",
        "message": row["message"],
        "preflight": [row],
        **PROMISED,
        "inputs": [MONEY],
    }
    simulation.behave(uri_of("v2"), report=said)
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 200)
    entry = simulation.status["versions"][0]
    assert (entry["reason"], entry["preflight"], entry["signature"]["inputs"]) == ("SignatureChanged", [row], [MONEY])
    assert simulation.stable == "v1"


KEYS = {"publicKeys": {"name": "signers", "key": "keys.pem"}}
SIGNED = {**V2["model"], "uri": "s3://models/v2/", "verify": KEYS}


async def test_a_version_that_needs_a_signature_tells_its_signer_in_the_ledger() -> None:
    simulation = await serving()
    simulation.behave(SIGNED["uri"], report={"ok": True, "sha256": "b" * 64, "signer": "key " + "a" * 64})
    simulation.change_spec(model=SIGNED)
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    pod = job["spec"]["template"]["spec"]
    assert {"name": "SERIN_VERIFY_KEYS", "value": "/etc/serin/serin-verify/keys.pem"} in pod["containers"][0]["env"]
    assert "signers" in str(pod["volumes"])
    await simulation.live_until(lambda s: s.stable == "v2", 600)
    assert simulation.status["versions"][0]["signer"] == "key " + "a" * 64
    assert "SERIN_VERIFY" not in str(deployment_of(simulation, "v2"))


async def test_a_signature_without_a_key_is_asked_for_with_the_root_that_somebody_gave() -> None:
    simulation = await serving()
    verify = {
        "trustedRoot": KEYS["publicKeys"],
        "issuer": "https://i.example.com",
        "signers": ["a@b"],
        "format": "Cosign",
    }
    uri = "oci://registry.example.com/credit:v2"
    simulation.behave(uri, report={"ok": True, "sha256": "b" * 64, "signer": "a@b (https://i.example.com)"})
    simulation.change_spec(model={**V2["model"], "uri": uri, "verify": verify})
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    told = {each["name"]: each.get("value") for each in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert told["SERIN_VERIFY_ROOT"] == "/etc/serin/serin-verify/trusted_root.json"
    assert (told["SERIN_VERIFY_ISSUER"], told["SERIN_VERIFY_SIGNERS"]) == ("https://i.example.com", "a@b")
    assert told["SERIN_VERIFY_FORMAT"] == "cosign"
    await simulation.live_until(lambda s: s.stable == "v2", 600)
    assert simulation.status["versions"][0]["signer"] == "a@b (https://i.example.com)"


async def test_whose_signature_is_needed_makes_no_other_version_of_it() -> None:
    simulation = await serving()
    simulation.change_spec(model={"version": "v1", "uri": uri_of("v1"), "verify": KEYS})
    await simulation.live(60)
    assert (simulation.stable, simulation.of_kind("Job")) == ("v1", [])


@pytest.mark.parametrize("reason", ["SignatureMissing", "SignatureInvalid", "SignerNotAllowed"])
async def test_a_model_that_nobody_has_signed_who_may_gets_no_pod(reason: str) -> None:
    simulation = await serving()
    row = {"name": "verify", "verdict": "Fail", "message": "the model's signature proves nothing"}
    simulation.behave(
        SIGNED["uri"], report={"ok": False, "reason": reason, "message": row["message"], "preflight": [row]}
    )
    simulation.change_spec(model=SIGNED)
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    entry = simulation.status["versions"][0]
    assert (entry["reason"], entry["preflight"], simulation.stable) == (reason, [row], "v1")


async def test_a_single_file_that_no_signature_can_come_with_is_told_at_once_with_the_way_out() -> None:
    simulation = await serving()
    simulation.change_spec(model={**SIGNED, "uri": "https://store/v2.onnx?token=hunter22"})
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    entry = simulation.status["versions"][0]
    assert (entry["reason"], deployment_of(simulation, "v2"), simulation.stable) == ("SignatureMissing", None, "v1")
    assert "the single file https://store/v2.onnx?…: name the folder" in entry["message"]
    simulation.change_spec(model={**SIGNED, "uri": "https://store/v2.onnx?token=hunter22", "verify": None})
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.stable == "v2", 600)


async def test_an_image_that_looks_for_no_signature_proves_none() -> None:
    simulation = await serving()
    simulation.change_spec(model=SIGNED)  # what resolves it is of an earlier release
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    entry = simulation.status["versions"][0]
    assert (entry["reason"], deployment_of(simulation, "v2")) == ("SignatureMissing", None)
    assert "is of an earlier release" in entry["message"]


@pytest.mark.parametrize(("namespaces", "is_wanted"), [(("*",), True), ((NAMESPACE,), True), (("elsewhere",), False)])
async def test_an_installation_may_want_signatures_and_what_serves_goes_on(namespaces: Any, is_wanted: bool) -> None:
    simulation = await serving()
    simulation.signed_namespaces = namespaces
    simulation.restart_operator()
    simulation.change_spec(model=V2["model"])
    if not is_wanted:
        await simulation.live_until(lambda s: deployment_of(s, "v2") is not None, 60)
        return
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 60)
    assert simulation.status["versions"][0]["reason"] == "SignatureMissing"
    assert "takes signed models only: say in spec.model.verify" in words(simulation)
    await simulation.live(60)
    assert (simulation.stable, simulation.of_kind("Job")) == ("v1", [])
    simulation.behave(SIGNED["uri"], report={"ok": True, "sha256": "b" * 64, "signer": "key"})
    simulation.change_spec(model=SIGNED)
    simulation.annotate("retry@1")
    await simulation.live_until(lambda s: s.stable == "v2", 600)


BUDGET = {"maxP99Seconds": 0.005, "maxMemory": "512Mi", "maxSlowdown": 1.5, "batchRows": 64}
MEASURED = {"p99Seconds": 0.001, "medianSeconds": 0.0005, "memoryBytes": 1 << 27, "calibrationSeconds": 0.002}


async def test_a_version_over_its_budget_ends_and_what_was_measured_of_stable_is_handed_to_the_next_job() -> None:
    simulation, env = await with_v2_resolving({"budget": BUDGET}, measured=MEASURED)
    asked = {name: text for name, text in env.items() if name.startswith("SERIN_PREFLIGHT_")}
    told = json.loads(asked.pop("SERIN_PREFLIGHT_BEFORE") or "")
    assert told == {"version": "v1", "uri": uri_of("v1"), "sha256": "a" * 64, "measured": MEASURED}
    assert asked == {
        "SERIN_PREFLIGHT_BUDGET": "fail",
        "SERIN_PREFLIGHT_MAX_P99_SECONDS": "0.005",
        "SERIN_PREFLIGHT_MAX_MEMORY_BYTES": str(512 << 20),
        "SERIN_PREFLIGHT_MAX_SLOWDOWN": "1.5",
        "SERIN_PREFLIGHT_BATCH_ROWS": "64",
    }
    row = {"name": "budget", "verdict": "Fail", "message": "takes 2 times as long as v1 for a row, at most 1.5"}
    said = {"ok": False, "reason": "OverBudget", "message": row["message"], "preflight": [row], "measured": MEASURED}
    simulation.behave(uri_of("v2"), report=said)
    await simulation.live_until(lambda s: s.outcome("v2") == "FailedPreflight", 200)
    entry = simulation.status["versions"][0]
    assert (entry["reason"], entry["preflight"], entry["measured"]) == ("OverBudget", [row], MEASURED)
    assert simulation.stable == "v1"


async def test_the_gate_of_the_baseline_is_asked_for_as_the_spec_says() -> None:
    baseline = {"mustBeat": "SimpleBaseline", "required": False, "maxDrift": 0.25, "mode": "Warn"}
    _, env = await with_v2_resolving({"baseline": baseline})
    assert env["SERIN_PREFLIGHT_BASELINE"] == "warn"
    assert (env["SERIN_PREFLIGHT_BASELINE_REQUIRED"], env["SERIN_PREFLIGHT_BASELINE_MUST_BEAT"]) == ("off", "on")
    assert (env["SERIN_PREFLIGHT_BASELINE_MAX_DRIFT"], "SERIN_PREFLIGHT_BEFORE" in env) == ("0.25", True)


COMMAND = {"image": "checks:1", "command": ["/check"], "timeoutSeconds": 60}
NEVER = 1e9


async def with_command(ends: CommandEnds, report: Any = None, **command: Any) -> tuple[Simulation, dict[str, Any]]:
    """How v2 ended, or that it goes on, with the row of its command."""
    simulation = await serving()
    simulation.behave(uri_of("v2"), command=ends, **({"report": report} if report else {}))
    simulation.change_spec(model=V2["model"], preflight={"command": {**COMMAND, **command}})
    over = lambda s: s.outcome("v2") == "FailedPreflight" or deployment_of(s, "v2") is not None  # noqa: E731
    await simulation.live_until(over, 200)
    assert simulation.stable == "v1"
    assert simulation.errors == []
    return simulation, simulation.status["versions"][0]


LOG = "line\n" * 400 + "\x1b[31mthe share of women is 0.2, at least 0.4\n"


@pytest.mark.parametrize(
    ("ends", "command", "verdict", "says"),
    [
        (CommandEnds(words="fair enough"), {}, "Pass", "fair enough"),
        (CommandEnds(), {}, "Pass", "it ended with exit code 0"),
        (CommandEnds(3, LOG), {}, "Fail", "exit code 3: [31mthe share of women is 0.2, at least 0.4"),
        (CommandEnds(3, LOG), {"mode": "Warn"}, "Warn", "exit code 3"),
        (CommandEnds(137, reason="OOMKilled"), {}, "Fail", "killed at its memory limit; raise limits.memory in spec.preflight.command"),
        (CommandEnds(137), {}, "Fail", "exit code 137, and its log is empty"),
        (CommandEnds(after=NEVER), {}, "Fail", "not ended within 60 s; raise timeoutSeconds"),
        (CommandEnds(after=NEVER), {"mode": "Warn"}, "Warn", "not ended within 60 s"),
        (CommandEnds(waiting=Waiting("ErrImagePull", "checks:1: not found")), {}, "Fail", "60 s: ErrImagePull: checks:1: not found"),
        (CommandEnds(waiting=Waiting("ContainerCreating")), {}, "Fail", "not started within 60 s, in which its image has to be pulled"),
        (CommandEnds(128, 'exec: "/check": no such file'), {}, "Fail", 'exit code 128: exec: "/check": no such file'),
    ],
    ids=["content", "silent", "not content", "only warns", "out of memory", "killed", "hangs", "hangs and only warns", "no image", "an image that takes long", "no such command"],
)  # fmt: skip
async def test_a_command_of_ones_own_has_the_last_word(ends: Any, command: Any, verdict: str, says: str) -> None:
    simulation, entry = await with_command(ends, **command)
    (row,) = entry["preflight"]
    assert (row["name"], row["verdict"]) == ("command", verdict)
    assert says in row["message"]
    if verdict == "Fail":
        assert (entry["reason"], deployment_of(simulation, "v2")) == ("PreflightCommandFailed", None)
        assert says in words(simulation)
        assert not [
            p
            for p in simulation.of_kind("Pod")
            if "terminated" not in str(p["status"]) and "resolve" in p["metadata"]["name"]
        ]
    else:
        await simulation.live_until(lambda s: s.stable == "v2", 600)


async def test_a_command_that_cannot_start_is_told_while_it_is_waited_for() -> None:
    simulation = await serving()
    simulation.behave(uri_of("v2"), command=CommandEnds(waiting=Waiting("ErrImagePull", "checks:1: not found")))
    simulation.change_spec(model=V2["model"], preflight={"command": COMMAND})
    await simulation.live(20)
    assert "the command of spec.preflight cannot start: ErrImagePull: checks:1: not found" in words(simulation)
    simulation.change_spec(preflight=None)  # who no longer wants it does not wait for it
    await simulation.live_until(lambda s: s.stable == "v2", 600)


async def test_a_command_may_take_longer_than_resolving_may() -> None:
    simulation = await serving(rollout={"progressDeadlineSeconds": 20})
    simulation.behave(uri_of("v2"), command=CommandEnds(after=90))
    simulation.change_spec(model=V2["model"], preflight={"command": {**COMMAND, "timeoutSeconds": 120}})
    await simulation.live(60)
    assert simulation.outcome("v2") == "InProgress"
    await simulation.live_until(lambda s: s.stable == "v2", 600)


async def test_a_serving_image_that_hands_no_model_over_is_no_proof() -> None:
    _, entry = await with_command(CommandEnds(), report={"ok": True, "sha256": "b" * 64, "opset": 21})
    assert entry["reason"] == "PreflightCommandFailed"
    assert "correct spec.runtime.image" in entry["message"]


async def test_a_command_gets_the_model_and_nothing_that_opens_anything() -> None:
    simulation = await serving()
    simulation.behave(SIGNED["uri"], resolve_after=60)
    model = {**SIGNED, "credentials": {"secretName": "store"}}
    simulation.change_spec(model=model, preflight={"command": {**COMMAND, "env": [{"name": "LEAST", "value": "0.8"}]}})
    await simulation.live_until(lambda s: bool(s.of_kind("Job")), 60)
    (job,) = simulation.of_kind("Job")
    pod = job["spec"]["template"]["spec"]
    (ours,), (command,) = pod["initContainers"], pod["containers"]
    assert (ours["name"], command["name"], command["image"]) == ("server", "preflight-command", "checks:1")
    assert {"name": "cache", "mountPath": "/model", "subPath": "for-command", "readOnly": True} in command[
        "volumeMounts"
    ]
    assert {mount["name"] for mount in command["volumeMounts"]} == {"cache", "tmp"}
    assert [each["name"] for each in command["env"]] == ["SERIN_MODEL_NAME", "SERIN_MODEL_VERSION", "LEAST"]
    assert command["securityContext"] == ours["securityContext"]
    assert (pod["automountServiceAccountToken"], pod["securityContext"]["runAsNonRoot"]) == (False, True)
    last = job["spec"]["podFailurePolicy"]["rules"][-1]["onExitCodes"]
    assert last == {"containerName": "preflight-command", "operator": "NotIn", "values": [0]}
