"""Golden samples in the Job that resolves: a version whose export broke is refused before it has a pod, and nobody sees the values."""

import json

import pytest
from tests.support.models import doubling

from serin_server.cli import main


def tensor(name, data):
    return {"name": name, "datatype": "FP32", "shape": [1, 3], "data": data}


def sample(x, y, **tolerances):
    return {"inputs": [tensor("x", x)], "outputs": [tensor("y", y)], **tolerances}


RIGHT, WRONG = sample([1, 2, 3], [2, 4, 6]), sample([1, 2, 3], [2, 47.5, 6])
CLOSE = sample([1, 2, 3], [2, 4.1, 6], atol=0.2)


@pytest.fixture
def resolved(tmp_path, capsys):
    """Resolves a model with these samples beside it; the exit code and the report."""

    def run(samples, *flags, beside=True):
        folder = tmp_path / "model"
        folder.mkdir()
        doubling(folder / "model.onnx")
        place = folder if beside else tmp_path
        (place / "golden.jsonl").write_text("".join(json.dumps(each) + "\n" for each in samples))
        log = tmp_path / "log"
        code = main(["resolve", "--model", str(folder), "--termination-log", str(log), *map(str, flags)])
        out = capsys.readouterr().out
        assert log.stat().st_size < 4096
        assert "47.5" not in out + log.read_text()
        return code, json.loads(log.read_text())

    return run


def test_without_the_gate_nothing_is_replayed(resolved):
    code, told = resolved([WRONG])
    assert (code, "preflight" in told) == (0, False)


@pytest.mark.parametrize(
    ("samples", "flags", "code", "verdict", "words"),
    [
        ([RIGHT, CLOSE], (), 0, "Pass", "2 of 2 golden samples give their outputs, all of them must"),
        ([RIGHT, WRONG], (), 64, "Fail", "sample 2: output 'y' at [0, 1] is not as expected (1 of 3 values differ)"),
        ([RIGHT, RIGHT, RIGHT, WRONG], ("--preflight-golden-min-match", "0.75"), 0, "Pass", "3 of 4 golden samples give their outputs, 0.75 of them must"),
        ([RIGHT, WRONG], ("--preflight-golden-min-match", "0.75"), 64, "Fail", "1 of 2"),
        ([RIGHT, WRONG], ("--preflight-golden", "warn"), 0, "Warn", "1 of 2"),
        ([], (), 64, "Fail", "put golden.jsonl beside the model, or name a ConfigMap"),
        ([{"inputs": 5}], (), 64, "Fail", "golden"),
    ],
    ids=["all are right", "one is wrong", "enough are right", "too few are right", "only a warning", "there are none", "none can be read"],
)  # fmt: skip
def test_golden_samples_give_a_row_and_a_failed_one_refuses_the_version(resolved, samples, flags, code, verdict, words):
    given, told = resolved(samples, "--preflight-golden", "fail", *flags)
    assert given == code
    (row,) = told["preflight"]
    assert (row["name"], row["verdict"]) == ("goldenSamples", verdict)
    assert words in row["message"]
    if code:
        assert (told["reason"], told["message"]) == ("GoldenSampleFailed", row["message"])


def test_samples_may_lie_in_a_file_of_their_own(resolved, tmp_path):
    flags = ("--preflight-golden", "fail", "--golden", tmp_path / "golden.jsonl")
    assert resolved([WRONG], *flags, beside=False)[0] == 64
