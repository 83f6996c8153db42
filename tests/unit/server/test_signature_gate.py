"""The gate for signatures: whether clients of stable can go on with the next version, told as sentences."""

import json
from dataclasses import dataclass, field

import pytest
from onnx import TensorProto, helper
from tests.support.models import doubling, saved

from serin_server.cli import main
from serin_server.commands.compatible import changes
from serin_server.commands.preflight import GATES
from serin_server.model.promise import Promise, classes_in, promise_from, told_classes
from serin_server.model.tensors import TensorSpec


def spec(name, datatype="FP32", *shape):
    return TensorSpec(name, datatype, shape or (-1, 3))


X, AGE, Y, P = spec("x"), spec("age", "INT64", -1, 1), spec("y", "FP32", -1, 1), spec("p", "FP32", -1, 2)
SIMPLE = spec("y")
STABLE = Promise((X,), (Y, P), (AGE,), ("no", "yes"))


@dataclass
class Row:
    name: str
    new: Promise
    backward: bool
    """Whether clients can go on."""
    words: str
    old: Promise = field(default=STABLE)


def but(inputs=(X,), outputs=(Y, P), optional=(AGE,), classes=("no", "yes")):
    return Promise(inputs, outputs, optional, classes)


ONE = [
    Row("an input is gone", but(inputs=(), optional=(AGE,)), False, "the input 'x' is gone"),
    Row("an optional input is gone", but(optional=()), False, "the input 'age' is gone"),
    Row("an input has another name", but(inputs=(spec("rows"),)), False, "the input 'x' is gone"),
    Row("one more input is needed", but(inputs=(X, spec("z"))), False, "'z' (FP32 [-1, 3]) is a new input"),
    Row("one more input may come", but(optional=(AGE, spec("z"))), True, "'z' (FP32 [-1, 3]) is a new input, which may be left out"),
    Row("an optional input is needed now", but(inputs=(X, AGE), optional=()), False, "the input 'age' may no longer be left out"),
    Row("an input may be left out now", but(inputs=(), optional=(AGE, X)), True, "the input 'x' may be left out now"),
    Row("an input has another datatype", but(inputs=(spec("x", "FP64"),)), False, "the input 'x' is FP64, and was FP32"),
    Row("an optional input has another datatype", but(optional=(spec("age", "FP32", -1, 1),)), False, "the input 'age' is FP32, and was INT64"),
    Row("an input has another rank", but(inputs=(spec("x", "FP32", -1, 3, 1),)), False, "the input 'x' has 3 dimensions"),
    Row("an input has more columns", but(inputs=(spec("x", "FP32", -1, 4),)), False, "the input 'x' has the shape [-1, 4], and was [-1, 3]"),
    Row("an input takes any number of columns", but(inputs=(spec("x", "FP32", -1, -1),)), True, "the input 'x' has the shape [-1, -1]"),
    Row("an input takes one row only", but(inputs=(spec("x", "FP32", 1, 3),)), False, "the input 'x' has the shape [1, 3]"),
    Row("an output is gone", but(outputs=(P,)), False, "the output 'y' is gone"),
    Row("one more output comes", but(outputs=(Y, P, spec("why"))), True, "'why' (FP32 [-1, 3]) is a new output"),
    Row("an output has another datatype", but(outputs=(spec("y", "INT64", -1, 1), P)), False, "the output 'y' is INT64, and was FP32"),
    Row("an output has another rank", but(outputs=(spec("y", "FP32", -1), P)), False, "the output 'y' has 1 dimensions"),
    Row("an output has more columns", but(outputs=(Y, spec("p", "FP32", -1, 3))), False, "the output 'p' has the shape [-1, 3]"),
    Row("an output promises no width", but(outputs=(Y, spec("p", "FP32", -1, -1))), False, "the output 'p' has the shape [-1, -1]"),
    Row("an output promises a width", but(), True, "the output 'p' has the shape [-1, 2], and was [-1, -1]", but(outputs=(Y, spec("p", "FP32", -1, -1)))),
    Row("outputs come in another order", but(outputs=(P, Y)), True, "the outputs come in another order: p, y"),
    Row("classes come in another order", but(classes=("yes", "no")), False, "the classes come in another order: yes, no"),
    Row("there is one more class", but(classes=("no", "yes", "?")), False, "the classes are no, yes, ?, and were no, yes"),
    Row("a class has another name", but(classes=("no", "true")), False, "the classes are no, true"),
    Row("numbers stand for the classes", but(classes=("0", "1")), False, "the classes are 0, 1"),
    Row("classes are no longer named", but(classes=()), False, "it no longer names its classes, which were no, yes"),
    Row("classes are named now", but(), True, "it names its classes now: no, yes", but(classes=())),
]  # fmt: skip


@pytest.mark.parametrize("row", ONE, ids=[row.name for row in ONE])
def test_each_change_breaks_clients_or_not_and_says_what_it_is(row) -> None:
    found = changes(row.old, row.new)
    assert found, "Same would let it pass"
    assert any(change.breaks for change in found) is not row.backward
    assert row.words in " / ".join(change.sentence for change in found)


def test_the_same_again_is_no_change_whatever_the_order_of_inputs() -> None:
    assert changes(STABLE, but()) == ()
    assert changes(but(inputs=(X, spec("z"))), but(inputs=(spec("z"), X))) == ()


@pytest.fixture
def resolved(tmp_path, capsys):
    """Resolves a model that takes x and gives y, against a stable version; the exit code, the row and the report."""

    def run(asked, stable, make=doubling):
        log = tmp_path / "log"
        flags = ("--termination-log", str(log), "--preflight-signature", asked)
        told = stable if isinstance(stable, str) else json.dumps({"version": "v1", **stable})
        code = main(["resolve", "--model", str(make(tmp_path / "m.onnx")), *flags, "--preflight-stable", told])
        capsys.readouterr()
        told = json.loads(log.read_text())
        assert log.stat().st_size < 3584
        return code, told["preflight"][0], told

    return run


def promised(inputs=(X,), outputs=(SIMPLE,), **more):
    return {**Promise(inputs, outputs, digest="another").told(), **more}


BROKEN = promised(inputs=(X, spec("z")))
WIDER = promised(outputs=())
CUT = {"truncated": True}


@pytest.mark.parametrize(
    ("asked", "stable", "code", "verdict", "words"),
    [
        ("backward", BROKEN, 64, "Fail", "unlike v1: the input 'z' is gone"),
        ("same", BROKEN, 64, "Fail", "unlike v1: the input 'z' is gone"),
        ("warn", BROKEN, 0, "Warn", "unlike v1: the input 'z' is gone"),
        ("backward", WIDER, 0, "Pass", "clients of v1 can go on: 'y' (FP32 [-1, 3]) is a new output"),
        ("same", WIDER, 64, "Fail", "'y' (FP32 [-1, 3]) is a new output"),
        ("same", promised(), 0, "Pass", "clients of v1 can go on: nothing that they see has changed"),
        ("backward", {**promised(), **CUT}, 0, "Unknown", "only 1 inputs and 1 outputs of v1 were recorded: those fit"),
        ("same", {**promised(), **CUT}, 64, "Fail", "it differs in tensors beyond those that were recorded"),
        ("backward", {**BROKEN, **CUT}, 64, "Fail", "the input 'z' is gone"),
        ("same", {}, 0, "Unknown", "of v1 no signature was recorded"),
        ("same", "", 0, "Unknown", "no signature was recorded"),
        ("same", "[]", 0, "Unknown", "no signature was recorded"),
        ("same", {"signatureDigest": "d", "inputs": [5]}, 0, "Unknown", "no signature was recorded"),
        ("same", promised(inputs=[spec("é" * 90, "FP32", -1, n) for n in range(20)]), 64, "Fail", "unlike v1: the input"),
    ],
    ids=["broken", "broken where nothing may change", "broken and only told", "more than it was", "more where nothing may change",
         "the same", "as far as is known", "not known to be the same", "broken in what is known", "recorded by an earlier release",
         "nothing came", "a list came", "nonsense came", "more than a sentence holds"],
)  # fmt: skip
def test_the_gate_compares_with_stable_as_far_as_it_was_recorded(resolved, asked, stable, code, verdict, words) -> None:
    given, row, told = resolved(asked, stable)
    assert (given, row["name"], row["verdict"]) == (code, "signature", verdict)
    assert words in row["message"]
    assert told["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    if code:
        assert (told["ok"], told["reason"], told["message"]) == (False, "SignatureChanged", row["message"])


def classifier(file, **classes):
    node = helper.make_node(
        "LinearClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", coefficients=[0.0] * 6, intercepts=[0.0, 0.0], **classes
    )  # fmt: skip
    kind = TensorProto.STRING if "classlabels_strings" in classes else TensorProto.INT64
    return saved(
        file,
        [node],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("label", kind, [None]), helper.make_tensor_value_info("p", TensorProto.FLOAT, [None, 2])],
    )  # fmt: skip


def test_a_report_is_compared_with_the_next_model_as_it_was_written_down(resolved) -> None:
    _, _, told = resolved("warn", "", lambda file: classifier(file, classlabels_strings=["no", "yes"]))
    assert told["classes"] == ["no", "yes"]
    assert resolved("same", told, lambda file: classifier(file, classlabels_strings=["no", "yes"]))[:2] == (
        0,
        {"name": "signature", "verdict": "Pass", "message": "it takes the requests of v1, and gives its outputs"},
    )
    code, row, _ = resolved("backward", told, lambda file: classifier(file, classlabels_strings=["yes", "no"]))
    assert (code, row["message"]) == (64, "unlike v1: the classes come in another order: yes, no, and were no, yes")
    code, row, _ = resolved("backward", told, lambda file: classifier(file, classlabels_ints=[0, 1]))
    assert (code, "the output 'label' is INT64, and was BYTES" in row["message"]) == (64, True)


def test_classes_are_read_from_the_file_and_not_guessed(tmp_path) -> None:
    assert classes_in(classifier(tmp_path / "m.onnx", classlabels_ints=[3, 1])) == (3, 1)
    assert classes_in(doubling(tmp_path / "m.onnx")) == ()
    two = [helper.make_node("ZipMap", ["p"], [f"y{n}"], domain="ai.onnx.ml", classlabels_int64s=[n, 9]) for n in (1, 2)]
    (tmp_path / "m.onnx").write_bytes(helper.make_model(helper.make_graph(two, "g", [], [])).SerializeToString())
    assert classes_in(tmp_path / "m.onnx") == ()


def test_many_classes_are_told_by_their_digest() -> None:
    many = told_classes(range(1000))
    assert many == told_classes(list(range(1000)))
    assert many != told_classes(list(range(1, 1001)))
    assert str(many[0]).startswith("1000 classes, sha256 ")
    assert len(json.dumps(told_classes(["x" * 600]))) < 64


def test_a_promise_survives_being_written_down() -> None:
    assert promise_from(STABLE.told()) == STABLE


def test_every_gate_is_registered_by_the_name_that_its_row_has() -> None:
    assert list(GATES) == ["verify", "signature", "goldenSamples"]
