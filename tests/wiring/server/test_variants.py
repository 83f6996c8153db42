"""Variants of a model in the Job that resolves: the quickest that keeps its promise is kept and told, else the model itself."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, load, numpy_helper, save
from tests.support.models import saved

from serin_server.cli import main
from serin_server.commands.measure import Ratio
from serin_server.commands.optimizing import made, transform

ROWS, COLUMNS, CLASSES = 300, 16, 4


def network(file, scale=1.0, columns=COLUMNS):
    """Two layers with random weights; what `scale` does to the first column, its weights undo."""
    random = np.random.default_rng(7)
    first = random.normal(size=(columns, 64)).astype(np.float32)
    first[0] /= scale
    weights = {"a": first, "b": random.normal(size=(64, CLASSES)).astype(np.float32)}
    return saved(
        file,
        [
            helper.make_node("MatMul", ["x", "a"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "b"], ["scores"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, CLASSES])],
        [numpy_helper.from_array(weight, name) for name, weight in weights.items()],
    )


def forest(file, *, twice):
    """A hundred stumps that vote for one of two classes; converters name operators that they do not use, once or twice."""
    stumps = range(100)
    model = load(
        saved(
            file,
            [
                helper.make_node(
                    "TreeEnsembleClassifier",
                    ["x"],
                    ["label", "scores"],
                    domain="ai.onnx.ml",
                    nodes_treeids=[t for t in stumps for _ in range(3)],
                    nodes_nodeids=[0, 1, 2] * 100,
                    nodes_featureids=[t % COLUMNS if node == 0 else 0 for t in stumps for node in range(3)],
                    nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * 100,
                    nodes_values=[t / 50 - 1 if node == 0 else 0.0 for t in stumps for node in range(3)],
                    nodes_truenodeids=[1, 0, 0] * 100,
                    nodes_falsenodeids=[2, 0, 0] * 100,
                    class_treeids=[t for t in stumps for _ in range(2)],
                    class_nodeids=[1, 2] * 100,
                    class_ids=[0, 1] * 100,
                    class_weights=[0.01] * 200,
                    classlabels_int64s=[0, 1],
                    post_transform="NONE",
                )
            ],
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, COLUMNS])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 2]),
            ],
        )
    )
    named = [("ai.onnx.ml", 3), ("", 17), ("", 17)] if twice else [("ai.onnx.ml", 3)]
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*each) for each in named)
    save(model, file)
    return file


def golden(file, *, rows=ROWS, scale=1.0, labels=None, **tolerances):
    """One sample of many rows with the outputs that the model gives; of its own choice those that it is surest of."""
    import onnxruntime

    x = np.random.default_rng(1).normal(size=(4 * rows, COLUMNS)).astype(np.float32)
    x[:, 0] *= scale
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    scores = np.sort(session.run(["scores"], {"x": x})[0])
    x = x[np.argsort(scores[:, -2] - scores[:, -1])[:rows]]
    kinds = {"float32": "FP32", "int64": "INT64"}
    outputs = [
        {"name": node.name, "datatype": kinds[str(array.dtype)], "shape": list(array.shape), "data": array.ravel().tolist()}
        for node, array in zip(session.get_outputs(), session.run(None, {"x": x}), strict=True)
    ]  # fmt: skip
    inputs = [{"name": "x", "datatype": "FP32", "shape": list(x.shape), "data": x.ravel().tolist()}]
    more = {} if labels is None else {"labels": labels}
    file.with_name("golden.jsonl").write_text(json.dumps({"inputs": inputs, "outputs": outputs, **more, **tolerances}))


QUICK, SLOW = Ratio(0.4, 0.5, 0.6, 31), Ratio(1.5, 2.0, 2.5, 31)


class Resolving:
    """Resolves a model with variants; times are made up, transformations and accuracy are true."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.model, self.store = folder / "model", folder / "kept"
        self.model.mkdir()

    def __call__(self, variants="Int8Dynamic", *flags, store=True):
        log = self.folder / "log"
        given = ["--model", self.model, "--termination-log", log, "--cache-dir", self.folder / "cache"]
        kept = ["--store", f"file://{self.store}"] if store else []
        code = main(["resolve", *map(str, (*given, "--optimize-variants", variants, *kept, *flags))])
        self.capsys.readouterr()
        assert (code, log.stat().st_size < 4096) == (0, True)
        told = json.loads(log.read_text())
        return told, next(row for row in told["preflight"] if row["name"] == "optimize")


@pytest.fixture
def resolving(tmp_path, capsys, monkeypatch):
    def make(variant, source, target, most_bytes, seconds):
        if transform.main([variant, str(source), str(target), "0"]):
            raise transform.NotMade(capsys.readouterr().out)

    monkeypatch.setattr(made, "_run", make)
    times(monkeypatch, QUICK)
    return Resolving(tmp_path, capsys)


def times(monkeypatch, ratio):
    monkeypatch.setattr("serin_server.commands.optimizing.trial.compared", lambda *_, **__: ratio)


def test_the_variant_that_keeps_the_promise_is_kept_and_its_digest_is_what_pods_get(resolving, capsys):
    golden(network(resolving.model / "model.onnx"))
    (resolving.model / "words.txt").write_text("beside it")
    original = resolving(store=False)[0]["sha256"]
    told, row = resolving("Graph,Int8Dynamic")
    assert (row["verdict"], told["optimized"]["sourceSha256"]) == ("Pass", original)
    assert row["message"].startswith(f"{told['optimized']['variant']} is served: 2 times as quick for ")
    assert f"of {ROWS} rows" in row["message"]
    assert told["sha256"] != original
    assert [each["verdict"] for each in told["preflight"]] == ["Pass", "Pass"]
    kept = resolving.store / "sha256" / told["sha256"] / "files"
    assert sorted(each.name for each in kept.iterdir()) == ["golden.jsonl", "model.onnx", "words.txt"]
    pod = ["--model", "https://gone.example/model", "--store", f"file://{resolving.store}", "--sha256", told["sha256"]]
    pod += ["--model-variant", "Int8Dynamic", "--cache-dir", str(resolving.folder / "pod")]
    assert main(["resolve", *pod]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == told["sha256"]


@pytest.mark.parametrize(
    ("make", "flags", "words"),
    [
        ({"store": False}, (), "there is none: set spec.model.store"),
        ({"rows": 0}, (), "golden.jsonl"),
        ({"rows": 298}, (), "298 golden rows are too few to be sure of a loss of at most 0.01: record 299"),
        ({"labels": [0] * 7}, (), "a golden sample of 300 rows has 7 labels"),
        ({"labels": [9] * 300}, (), "it gets none of the golden rows right"),
    ],
    ids=["a store", "golden samples", "enough rows", "a label a row", "labels that fit"],
)
def test_what_is_missing_is_told_and_the_original_is_served(resolving, make, flags, words):
    file = network(resolving.model / "model.onnx")
    if make.get("rows", 1):
        golden(file, **{name: value for name, value in make.items() if name != "store"})
    told, row = resolving("Int8Dynamic", *flags, store=make.get("store", True))
    assert (row["verdict"], "optimized" in told) == ("Warn", False)
    assert row["message"].startswith("the original is served: ")
    assert words in row["message"]


def test_what_is_no_quicker_is_not_served_and_the_store_has_the_original(resolving, monkeypatch):
    golden(network(resolving.model / "model.onnx"))
    times(monkeypatch, SLOW)
    told, row = resolving()
    assert (row["verdict"], "optimized" in told) == ("Pass", False)
    assert "the original is served: Int8Dynamic: 0.5 times as quick for " in row["message"]
    assert [each.name for each in (resolving.store / "sha256").iterdir()] == [told["sha256"]]


def test_a_variant_that_loses_accuracy_is_refused_by_the_guard_however_quick_it_is(resolving):
    golden(network(resolving.model / "model.onnx", scale=3000.0), scale=3000.0)
    told, row = resolving()
    assert (row["verdict"], "optimized" in told) == ("Pass", False)
    assert "Int8Dynamic: it loses " in row["message"]
    assert f"of {ROWS} rows" in row["message"]


def test_true_labels_count_for_more_than_what_was_recorded(resolving):
    golden(network(resolving.model / "model.onnx", scale=3000.0), scale=3000.0, labels=["0"] * ROWS)
    _, row = resolving("Int8Dynamic", "--optimize-max-accuracy-loss", "0.4")
    assert row["message"].startswith("Int8Dynamic is served")


def test_a_variant_has_to_pass_the_gate_of_golden_samples_that_its_original_has_passed(resolving):
    golden(network(resolving.model / "model.onnx"), rtol=1e-6, atol=1e-6)
    _, row = resolving("Int8Dynamic", "--preflight-golden", "fail")
    assert "Int8Dynamic: 0 of 1 golden samples give their outputs (preflight.goldenSamples)" in row["message"]


def apart(file):
    """Has a model keep its weights in a file of their own."""
    file.parent.joinpath("weights").mkdir()
    save(load(file), file, save_as_external_data=True, location="weights/of.bin", size_threshold=0)
    return file


@pytest.mark.parametrize("variant", ["Graph", "Int8Dynamic", "Float16"])
def test_weights_that_lie_in_files_of_their_own_lie_within_the_variant(resolving, variant):
    golden(apart(network(resolving.model / "model.onnx")))
    before = {each: each.read_bytes() for each in resolving.model.rglob("*") if each.is_file()}
    told, row = resolving(variant)
    assert row["message"].startswith(f"{variant} is served: ")
    assert {each: each.read_bytes() for each in before} == before, "what is published stays as it is"
    kept = resolving.store / "sha256" / told["sha256"] / "files"
    assert sorted(each.name for each in kept.rglob("*")) == ["golden.jsonl", "model.onnx"]
    assert not list((resolving.folder / "cache").rglob("*.part")), "nothing is left of making it"


def test_a_single_file_with_weights_beside_it_has_a_variant_too(resolving):
    resolving.model = apart(network(resolving.model / "net.onnx"))
    golden(resolving.model)
    told, row = resolving()
    assert row["message"].startswith("Int8Dynamic is served: ")
    kept = resolving.store / "sha256" / told["sha256"] / "files"
    assert sorted(each.name for each in kept.rglob("*")) == ["golden.jsonl", "model.onnx"]


def test_weights_that_no_single_file_can_hold_are_told_and_the_original_is_served(resolving, monkeypatch):
    golden(apart(network(resolving.model / "model.onnx")))
    monkeypatch.setattr(made, "_MOST_IN_ONE_FILE", 1000)
    told, row = resolving()
    assert (row["verdict"], "optimized" in told) == ("Pass", False)
    assert "GB in files of their own, and a variant is one file of 2 GB at most" in row["message"]


@pytest.mark.parametrize("twice", [False, True])
def test_of_a_forest_there_is_nothing_to_make_smaller(resolving, twice):
    golden(forest(resolving.model / "model.onnx", twice=twice))
    told, row = resolving("Int8Dynamic,Float16")
    assert "optimized" not in told
    assert row["message"].count("nothing in it can be made smaller") == 2


def test_requests_that_can_share_no_run_any_more_are_measured_one_by_one(resolving, monkeypatch):
    golden(network(resolving.model / "model.onnx"))
    asked = []

    def compared(new, old, *_, **__):
        asked.append((new, old))
        return SLOW

    monkeypatch.setattr("serin_server.commands.optimizing.trial.compared", compared)
    _, row = resolving()
    assert "its requests share no runs" in row["message"]
    (many, _) = asked[1]
    assert (many.func.__name__, many.args[1]) == ("_repeated", 32)


def test_a_variant_that_no_store_keeps_is_not_served(resolving):
    golden(network(resolving.model / "model.onnx"))
    resolving.store.write_text("no folder")
    told, row = resolving()
    assert (row["verdict"], "optimized" in told) == ("Warn", False)
    assert "the original is served, since Int8Dynamic is not kept: " in row["message"]


def test_a_variant_is_not_looked_for_at_its_source(tmp_path, capsys):
    network(tmp_path / "model.onnx")
    given = ["--model", str(tmp_path / "model.onnx"), "--store", f"file://{tmp_path}/kept", "--sha256", "a" * 64]
    assert main(["inspect", *given, "--model-variant", "Float16"]) == 64
    said = capsys.readouterr().err
    assert "the variant Float16 of " in said
    assert "is kept nowhere else: mend the store" in said


@pytest.mark.slow
def test_libraries_that_make_variants_stay_in_a_process_of_their_own(tmp_path, capsys):
    resolving = Resolving(tmp_path, capsys)
    golden(network(resolving.model / "model.onnx"))
    _, row = resolving("Graph,Int8Dynamic,Float16")
    for variant in ("Graph", "Int8Dynamic", "Float16"):
        assert variant in row["message"]
    assert "served" in row["message"]
    assert not {"it could not be made", "ended with"} & set(row["message"].split("; "))
