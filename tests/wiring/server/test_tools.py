"""`inspect`, `check`, `bench` and settings that cannot be used: what a person sees at the command line."""

import json

import pytest
from tests.support.models import doubling, picky
from tests.support.serving import tensor

from serin_server.cli import main
from serin_server.config.settings import InvalidSetting, settings_from


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_inspect_prints_what_a_model_is(tmp_path, capsys):
    code, out, _ = run(capsys, "inspect", "--model", doubling(tmp_path / "m.onnx"))
    assert code == 0
    for word in ("sha256", "opset      17", "FP32", "[-1, 3]", "batching   proven (RowsAreIndependent)"):
        assert word in out


def test_inspect_of_a_model_that_cannot_load_says_why(tmp_path, capsys):
    (tmp_path / "m.onnx").write_text("no model")
    code, _, err = run(capsys, "inspect", "--model", tmp_path / "m.onnx")
    assert code == 64
    assert err.startswith("ModelInvalid: ")


def sample(row, result, **more):
    return {"inputs": [tensor("x", "FP32", [1, 3], row)], "outputs": [tensor("y", "FP32", [1, 3], result)], **more}


@pytest.mark.parametrize(
    ("samples", "code", "words"),
    [
        ([sample([1, 2, 3], [2, 4, 6]), sample([0, 0, 1], [0, 0, 2.0001])], 0, None),
        ([sample([1, 2, 3], [2, 4, 6]), sample([0, 0, 1], [0, 0, 2.1])], 64, "sample 2: output 'y' at [0, 2] is 2.0, expected 2.1"),
        ([sample([0, 0, 1], [0, 0, 2.1], rtol=0.1)], 0, None),
        ([sample([1, 2], [2, 4])], 64, "sample 1: input 'x' of shape [1, 3] has 3 elements, and 2 came"),
        ([{"inputs": sample([1, 2, 3], [])["inputs"], "outputs": [tensor("z", "FP32", [1], [1])]}], 64, "no output 'z'"),
        ([{"inputs": 5}], 64, "no golden sample"),
        ([], 64, "no sample"),
    ],
)  # fmt: skip
def test_check_compares_with_golden_samples_and_ends_with_a_verdict(tmp_path, capsys, samples, code, words):
    model = doubling(tmp_path / "m.onnx")
    (tmp_path / "golden.jsonl").write_text("".join(json.dumps(each) + "\n" for each in samples))
    given, out, _ = run(capsys, "check", "--model", model, "--termination-log", tmp_path / "log")
    told = json.loads(out)
    assert (given, told["ok"]) == (code, code == 0)
    assert json.loads((tmp_path / "log").read_text()) == told
    if words:
        assert told["reason"] == "GoldenSampleFailed"
        assert words in told["message"]


def test_a_golden_sample_on_which_the_model_raises_fails(tmp_path, capsys):
    model = picky(tmp_path / "m.onnx")
    raising = {"inputs": [tensor("x", "INT64", [1], [99])], "outputs": [tensor("y", "FP32", [1], [1])]}
    (tmp_path / "g.jsonl").write_text(json.dumps(raising))
    code, out, _ = run(capsys, "check", "--model", model, "--golden", tmp_path / "g.jsonl")
    assert code == 64
    assert "the model raised" in json.loads(out)["message"]


def test_bench_prints_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("serin_server.commands.bench._SECONDS", 0.01)
    code, out, _ = run(capsys, "bench", "--model", doubling(tmp_path / "m.onnx"))
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["1", "8", "32"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HTTP_PORT", "eighty", "is not a number"),
        ("HTTP_PORT", "70000", "is not a port"),
        ("DRAIN_SECONDS", "-1", "negative"),
        ("PROVIDERS", "abacus", "'abacus' is not known: cpu, cuda"),
        ("FEEDBACK_KIND", "vague", "give class, regression"),
        ("LOG_LEVEL", "loud", "give debug"),
        ("PROCESSES", "0", "give 1 or more"),
        ("TLS_CERT_FILE", "/x", "belong together"),
        ("ACCESS_LOG_SAMPLE", "2", "fraction"),
        ("PAYLOAD_LOG", "somewhere", "stdout or an http"),
        ("MODEL_URI", "", "SERIN_MODEL_URI"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_a_way_out(name, value, words):
    with pytest.raises(InvalidSetting, match=words) as error:
        settings_from({"SERIN_MODEL_URI": "file:///m.onnx", f"SERIN_{name}": value})
    assert f"SERIN_{name}" in str(error.value)


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, 1),
        ({"THREADS": "4"}, 4),
        ({"THREADS": "4", "CONTAINER_CPU_LIMIT": "2"}, 2),
        ({"THREADS": "0", "CONTAINER_CPU_LIMIT": "3500m"}, 3),
        ({"THREADS": "0", "CONTAINER_CPU_LIMIT": "500m"}, 1),
        ({"THREADS": "0", "CONTAINER_CPU_LIMIT": "4", "PROCESSES": "2"}, 2),
        ({"THREADS": "0"}, 1),
    ],
)
def test_threads_are_matched_to_the_cpu_limit(environment, threads):
    given = {f"SERIN_{name}": value for name, value in environment.items()}
    assert settings_from({"SERIN_MODEL_URI": "m.onnx", **given}).intra_op_threads == threads


def test_a_provider_that_this_build_has_not_is_refused_with_what_it_has(tmp_path, capsys):
    code, _, err = run(capsys, "inspect", "--model", doubling(tmp_path / "m.onnx"), "--providers", "cuda,cpu")
    assert code == 64
    assert "CUDAExecutionProvider" in err
    assert "CPUExecutionProvider" in err


def test_a_flag_wins_over_the_environment():
    environment = {"SERIN_MODEL_URI": "/models/churn.onnx", "SERIN_HTTP_PORT": "1"}
    settings = settings_from(environment, {"http_port": "2"})
    assert (settings.http_port, settings.model_name) == (2, "churn")


@pytest.mark.parametrize(
    ("flags", "env", "words"),
    [
        (("--http-port", "x"), {}, "--http-port='x' is not a number"),
        (("--no-such-flag", "1"), {}, "--no-such-flag"),
        (("https://store/m.onnx?sig=hunter22",), {}, "unrecognized"),
        ((), {"SERIN_MODEL_URI": ""}, "SERIN_MODEL_URI"),
        (("--model", "m", "--sha256", "../../etc"), {}, "is no digest"),
        (("--model", "m", "--source-timeout-seconds", "nan"), {}, "SERIN_SOURCE_TIMEOUT_SECONDS"),
        (("--model", "m", "--source-timeout-seconds", "0"), {}, "no time to answer"),
        (("--model", "m", "--http-port", "8080", "--grpc-port", "8080"), {}, "are both 8080"),
        (("--model", "m", "--payload-log", "user:hunter22@collector"), {}, "SERIN_PAYLOAD_LOG"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "resolve"])
def test_a_setting_that_cannot_be_used_is_the_last_word_of_a_container(
    tmp_path, capsys, monkeypatch, flags, env, words, command
):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SERIN_TERMINATION_LOG", str(tmp_path / "log"))
    assert main([command, *flags]) == 2
    told = json.loads((tmp_path / "log").read_text())
    assert (told["ok"], told["reason"]) == (False, "InvalidSetting")
    assert words in told["message"]
    assert "hunter22" not in capsys.readouterr().err + told["message"]


def test_the_last_words_go_where_the_flag_says_also_when_other_flags_are_wrong(tmp_path):
    for number, flags in enumerate((["--termination-log", f"{tmp_path}/0"], [f"--termination-log={tmp_path}/1"])):
        assert main(["serve", *flags, "--no-such-flag"]) == 2
        assert json.loads((tmp_path / str(number)).read_text())["reason"] == "InvalidSetting"
