"""The gate `budget`: limits of time and memory in the Job that resolves, and beside the version that serves."""

import json

import pytest
from tests.support.models import doubling, identity, laborious, never

from serin_server.cli import main
from serin_server.commands import budget
from serin_server.model.digest import model_digest


@pytest.fixture
def resolved(tmp_path, capsys, monkeypatch):
    """Resolves a model with a budget, quickly; exit code, the report, and the row."""
    monkeypatch.setattr("serin_server.commands.measure._ROUND_SECONDS", (0.0, 0.05))
    monkeypatch.setattr("serin_server.commands.measure._RUNS", 20)
    monkeypatch.setattr("serin_server.commands.measure._BLOCK_SECONDS", 0.001)

    def run(make, *flags, **how):
        folder = tmp_path / "model"
        folder.mkdir()
        make(folder / "model.onnx", **how)
        log = tmp_path / "log"
        given = ["--model", str(folder), "--termination-log", str(log), "--cache-dir", str(tmp_path / "cache")]
        code = main(["resolve", *given, "--preflight-budget", "fail", *flags])
        capsys.readouterr()
        told = json.loads(log.read_text())
        return code, told, next(row for row in told["preflight"] if row["name"] == "budget")

    return run


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--preflight-max-p99-seconds", "0.0000001"), "p99 of one row"),
        (("--preflight-max-batch-p99-seconds", "0.0000001"), "p99 of 32 rows"),
        (("--preflight-max-memory-bytes", "1048576"), "MiB of memory, at most 1"),
        (("--preflight-max-load-seconds", "0.0000001"), "at best of 3 times, at most 1e-07 s"),
    ],
    ids=["one row", "a batch", "memory", "loading"],
)
def test_what_is_over_a_limit_is_refused_and_comes_first_in_the_sentence(resolved, flags, words):
    code, told, row = resolved(doubling, *flags)
    assert (code, told["reason"], row["verdict"]) == (64, "OverBudget", "Fail")
    assert words in row["message"].split(";")[0]


def test_what_keeps_to_its_budget_passes_and_the_ledger_gets_its_numbers(resolved):
    limits = {"max-p99-seconds": 60, "max-batch-p99-seconds": 60, "max-memory-bytes": 1 << 40, "max-load-seconds": 600}
    flags = [text for name, limit in limits.items() for text in (f"--preflight-{name}", str(limit))]
    code, told, row = resolved(doubling, *flags, "--preflight-batch-rows", "8")
    assert (code, row["verdict"]) == (0, "Pass")
    assert row["message"].endswith("(on made-up inputs)")
    assert (told["measured"]["batchRows"], len(told["measured"])) == (8, 8)
    assert min(told["measured"].values()) > 0


def test_with_mode_warn_it_is_only_told(resolved):
    flags = ("--preflight-max-memory-bytes", "1048576", "--preflight-budget", "warn")
    code, _, row = resolved(doubling, *flags)
    assert (code, row["verdict"]) == (0, "Warn")


def test_a_model_that_takes_nothing_that_is_known_cannot_be_measured(resolved):
    code, _, row = resolved(never, "--preflight-max-p99-seconds", "1")
    assert (code, row["verdict"]) == (0, "Unknown")
    assert "put requests beside the model" in row["message"]


def test_a_model_of_one_size_is_measured_as_it_is(resolved):
    _, told, row = resolved(identity, "--preflight-max-batch-p99-seconds", "1", shape=(2, 3))
    assert (row["verdict"], "batchRows" in told["measured"]) == ("Unknown", False)
    assert "takes no batches" in row["message"]


def before(folder, layers=20, **more):
    folder.mkdir()
    laborious(folder / "model.onnx", size=100, layers=layers)
    return {"version": "v1", "uri": str(folder), "sha256": model_digest(folder), **more}


SLOW = {"size": 100, "layers": 40}
QUICK = {"size": 100, "layers": 21}
LIMIT = ("--preflight-max-slowdown", "1.5")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "verdict"), [(QUICK, 0, "Pass"), (SLOW, 64, "Fail")], ids=["as quick", "twice as slow"]
)
def test_a_version_twice_as_slow_as_stable_is_refused_and_an_equal_one_is_not(
    resolved, tmp_path, monkeypatch, how, code, verdict
):
    monkeypatch.setattr("serin_server.commands.measure._BLOCK_SECONDS", 0.005)
    told = before(tmp_path / "stable")
    given, _, row = resolved(laborious, *LIMIT, "--preflight-before", json.dumps(told), **how)
    assert (given, row["verdict"]) == (code, verdict)
    assert "times as long as v1" in row["message"]
    assert not (tmp_path / "cache" / "stable").exists()


def test_what_takes_too_long_to_measure_is_unknown_and_refuses_nothing(resolved, monkeypatch):
    monkeypatch.setattr(budget, "_LONGEST_SECONDS", 0.05)
    code, _, row = resolved(doubling, "--preflight-max-p99-seconds", "0.000000001")
    assert (code, row["verdict"]) == (0, "Unknown")
    assert "could not be measured within 0.05 s" in row["message"]


def test_where_stable_cannot_be_had_its_own_measurement_counts_by_what_both_nodes_can_do(
    resolved, tmp_path, monkeypatch
):
    monkeypatch.setattr(budget, "calibration_seconds", lambda: 0.002)
    measured = {"medianSeconds": 1e-9, "calibrationSeconds": 0.001}
    told = {**before(tmp_path / "stable"), "uri": str(tmp_path / "gone"), "measured": measured}
    code, _, row = resolved(laborious, *LIMIT, "--preflight-before", json.dumps(told), **QUICK)
    assert (code, row["verdict"]) == (64, "Fail")
    assert "by what its own Job measured: the model of v1 cannot be had (SourceNotFound)" in row["message"]


def test_where_nothing_is_known_of_stable_nothing_is_refused(resolved, tmp_path):
    told = {**before(tmp_path / "stable"), "uri": str(tmp_path / "gone")}
    code, _, row = resolved(laborious, *LIMIT, "--preflight-before", json.dumps(told), **QUICK)
    assert (code, row["verdict"]) == (0, "Unknown")


def test_stable_is_not_opened_where_there_is_no_room_for_two(resolved, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "room_bytes", lambda: 1000)
    code, _, row = resolved(laborious, *LIMIT, "--preflight-before", json.dumps(before(tmp_path / "stable")), **SLOW)
    assert (code, row["verdict"]) == (0, "Unknown")
    assert "no room for v1 beside it" in row["message"]


def test_a_command_finds_the_files_of_the_model_in_a_folder(resolved, tmp_path):
    _, told, _ = resolved(
        doubling, "--preflight-command-folder", str(tmp_path / "cache" / "given"), "--preflight-max-load-seconds", "600"
    )
    assert told["handedOver"] is True
    assert (tmp_path / "cache" / "given" / "model.onnx").read_bytes() == (
        tmp_path / "model" / "model.onnx"
    ).read_bytes()
