"""Models with several labels a row, as scikit-learn makes them: what predict_proba gives comes over every transport."""

import json
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.support.serving import serving, tensor
from tritonclient.utils import InferenceServerException

from serin_server.failures import LoadFailure, Reason
from serin_server.model.load import load
from serin_server.model.predictions import PredictionReader
from serin_server.model.sequences import SequenceOutput
from serin_server.model.source import Source

pytestmark = pytest.mark.slow

TRANSPORTS = ["http", "binary", "grpc"]


def data():
    """Wine: thirteen measurements; from them a cultivar of three, and whether it is strong."""
    from sklearn.datasets import load_wine

    wine = load_wine()
    x = wine.data.astype(np.float32)
    return x, np.column_stack([wine.target, (x[:, 0] > 13).astype(int)])


def trained(kind):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = data()
    flags = np.column_stack([y[:, 0] == 0, y[:, 1] == 1, x[:, 3] > 20]).astype(int)
    texts = np.array(["red", "white", "rosé"])[y]
    model, labels = {
        "two labels of 3 and 2 classes": (MultiOutputClassifier(LogisticRegression(max_iter=500)), y),
        "labels of text": (MultiOutputClassifier(LogisticRegression(max_iter=500)), texts),
        "forests": (MultiOutputClassifier(RandomForestClassifier(10, random_state=0)), y),
        "one forest for all labels": (RandomForestClassifier(10, random_state=0), flags),
        "a network of several flags": (MLPClassifier((8,), max_iter=300, random_state=0), flags),
        "one against the rest": (OneVsRestClassifier(LogisticRegression(max_iter=500)), flags),
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Trees compare as scikit-learn's do only on numbers that nothing has rounded before.
        steps = [model] if "forest" in kind else [StandardScaler(), model]
        return make_pipeline(*steps).fit(x, labels)


def converted(model, file):
    from skl2onnx import to_onnx

    last = model.steps[-1][1]
    made = to_onnx(model, np.zeros((1, 13), np.float32), options={id(last): {"zipmap": False}}, target_opset=17)
    file.write_bytes(made.SerializeToString())
    return file


def asked(running, transport, x):
    """All outputs by name."""
    module = import_module(f"tritonclient.{'grpc' if transport == 'grpc' else 'http'}")
    is_grpc = transport == "grpc"
    how = {} if is_grpc else {"binary_data": transport == "binary"}
    with module.InferenceServerClient(f"127.0.0.1:{running.port('grpc' if is_grpc else 'http')}") as client:
        told = client.get_model_metadata("m", **({"as_json": True} if is_grpc else {}))
        names = [output["name"] for output in told["outputs"]]
        given = module.InferInput(told["inputs"][0]["name"], x.shape, "FP32").set_data_from_numpy(x, **how)
        result = client.infer("m", [given], outputs=[module.InferRequestedOutput(name, **how) for name in names])
        return {name: result.as_numpy(name) for name in names}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "widths"),
    [
        ("two labels of 3 and 2 classes", [3, 2]),
        ("labels of text", [3, 2]),
        ("forests", [3, 2]),
        ("one forest for all labels", None),
        ("a network of several flags", None),
        ("one against the rest", None),
    ],
)
def test_what_scikit_learn_predicts_comes_over_every_transport(tmp_path, kind, widths):
    model, (x, _) = trained(kind), data()
    expected = model.predict_proba(x)
    with serving(converted(model, tmp_path / "m.onnx"), tmp_path) as running:
        for transport in TRANSPORTS:
            given = asked(running, transport, x)
            labels = given.pop("label")
            told = [each.decode() if isinstance(each, bytes) else each for each in labels.ravel().tolist()]
            assert told == model.predict(x).ravel().tolist()
            if widths is None:
                assert np.allclose(given["probabilities"], np.array(expected), atol=1e-5)
                continue
            assert [array.shape for array in given.values()] == [(len(x), width) for width in widths]
            for array, probabilities in zip(given.values(), expected, strict=True):
                assert np.allclose(array, probabilities, atol=1e-5)
        if widths is not None:
            metadata = json.load(urllib.request.urlopen(running.url("/v2/models/m"), timeout=10))
            assert [(each["name"], each["shape"]) for each in metadata["outputs"][1:]] == [
                (f"probabilities_{place}", [-1, width]) for place, width in enumerate(widths)
            ]


def loaded(file):
    return load(Source(uri=str(file), sha256="", cache_dir=file.parent, mounts_dir=file.parent))


def model_of(file, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(constants))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


X = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
PAIR = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)


def test_a_list_is_refused_with_advice_when_its_length_follows_the_rows(tmp_path):
    nodes = [helper.make_node("SplitToSequence", ["x"], ["y"], axis=0)]
    with pytest.raises(LoadFailure, match=r"number changes with the rows.*end the graph in tensors") as failure:
        loaded(model_of(tmp_path / "m.onnx", nodes, [X], [PAIR]))
    assert failure.value.reason is Reason.MODEL_UNSUPPORTED
    assert "zipmap" not in failure.value.message


SIZES = helper.make_tensor("sizes", TensorProto.INT64, [3], [1, 1, 1])
COUNT = helper.make_tensor_value_info("count", TensorProto.INT64, [])
DECIDED = {
    "inputs say where it is cut": (
        [helper.make_node("SplitToSequence", ["x", "where"], ["y"], axis=1)],
        [X, helper.make_tensor_value_info("where", TensorProto.INT64, [None])],
        (),
        "cuts where 'where' says",
    ),
    "inputs may say where it is cut": (
        [helper.make_node("SplitToSequence", ["x", "sizes"], ["y"], axis=1)],
        [X, helper.make_tensor_value_info("sizes", TensorProto.INT64, [3])],
        (SIZES,),
        "cuts where 'sizes' says",
    ),
    "a free size is cut, and the list passed on": (
        [
            helper.make_node("SplitToSequence", ["wide"], ["cut"], axis=-1),
            helper.make_node("SequenceInsert", ["cut", "wide"], ["y"]),
        ],
        [helper.make_tensor_value_info("wide", TensorProto.FLOAT, [1, "width"])],
        (),
        "cuts 'wide' along dimension -1, whose size a request chooses",
    ),
}


@pytest.mark.parametrize(("nodes", "inputs", "constants", "why"), DECIDED.values(), ids=DECIDED)
def test_a_list_is_refused_with_the_reason_when_each_request_decides_how_long_it_is(
    tmp_path, nodes, inputs, constants, why
):
    with pytest.raises(LoadFailure) as failure:
        loaded(model_of(tmp_path / "m.onnx", nodes, inputs, [PAIR], constants))
    assert failure.value.reason is Reason.MODEL_UNSUPPORTED
    assert f"how many each request decides (SplitToSequence {why}" in failure.value.message
    assert "end the graph in tensors" in failure.value.message


def test_a_list_whose_length_a_loop_of_a_request_decides_is_refused(tmp_path):
    flag = helper.make_tensor_value_info("goes", TensorProto.BOOL, [])
    seq_in = helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None)
    seq_out = helper.make_tensor_sequence_value_info("longer", TensorProto.FLOAT, None)
    turn = [
        helper.make_node("SequenceInsert", ["list", "x"], ["longer"]),
        helper.make_node("Identity", ["on"], ["goes"]),
    ]
    steps = [
        helper.make_tensor_value_info("turn", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
    ]
    body = helper.make_graph(turn, "body", [*steps, seq_in], [flag, seq_out])
    nodes = [
        helper.make_node("SequenceEmpty", [], ["none"]),
        helper.make_node("Loop", ["count", "", "none"], ["y"], body=body),
    ]
    with pytest.raises(LoadFailure, match="in as many turns as 'count' says"):
        loaded(model_of(tmp_path / "m.onnx", nodes, [X, COUNT], [PAIR]))


FIXED = {
    "cut in fixed places": [helper.make_node("SplitToSequence", ["x", "sizes"], ["y"], axis=1)],
    "cut along a fixed size": [helper.make_node("SplitToSequence", ["x"], ["y"], axis=1, keepdims=1)],
    "along a size that only a run tells": [
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("SplitToSequence", ["n"], ["y"], axis=1),
    ],
}


@pytest.mark.parametrize("nodes", FIXED.values(), ids=FIXED)
def test_a_list_that_is_always_as_long_is_served(tmp_path, nodes):
    model = loaded(model_of(tmp_path / "m.onnx", nodes, [X], [PAIR], [SIZES]))
    assert [spec.name for spec in model.signature.outputs] == ["y_0", "y_1", "y_2"]


def test_a_list_that_becomes_longer_than_clients_were_told_is_that_requests_mistake_on_every_transport(tmp_path):
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Greater", ["most", "one"], ["is_more"]),
        helper.make_node("If", ["is_more"], ["y"], then_branch=branch(2), else_branch=branch(1)),
    ]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1])
    with serving(model_of(tmp_path / "m.onnx", nodes, [X], [PAIR], [one]), tmp_path) as running:
        status, answer = running.infer(tensor("x", "FP32", [1, 3], [0.5] * 3))
        assert (status, [each["name"] for each in answer["outputs"]]) == (200, ["y_0"])
        status, answer = running.infer(tensor("x", "FP32", [1, 3], [5.0] * 3))
        assert status == 400
        assert "has 2 tensors with these inputs, and clients were told of 1" in answer["error"]
        for transport in ("binary", "grpc"):
            with pytest.raises(InferenceServerException, match="clients were told of 1") as raised:
                asked(running, transport, np.full((1, 3), 5, np.float32))
            assert raised.value.status() in {"400", "StatusCode.INVALID_ARGUMENT"}


def branch(count):
    made = helper.make_node("SequenceConstruct", ["x"] * count, [f"list{count}"])
    told = helper.make_tensor_sequence_value_info(f"list{count}", TensorProto.FLOAT, None)
    return helper.make_graph([made], f"branch{count}", [], [told])


def test_a_list_is_refused_with_advice_when_no_run_could_tell_what_it_holds(tmp_path):
    nodes = [
        helper.make_node("Identity", ["text"], ["same"]),
        helper.make_node("Gather", ["table", "x"], ["found"]),
        helper.make_node("SequenceConstruct", ["found", "found"], ["y"]),
    ]
    text = helper.make_tensor_value_info("text", TensorProto.STRING, [None])
    same = helper.make_tensor_value_info("same", TensorProto.STRING, [None])
    index = helper.make_tensor_value_info("x", TensorProto.INT64, [None])
    table = helper.make_tensor("table", TensorProto.FLOAT, [0], [])
    with pytest.raises(LoadFailure) as failure:
        loaded(model_of(tmp_path / "m.onnx", nodes, [text, index], [same, PAIR], [table]))
    assert "golden.jsonl" in failure.value.message


def test_names_that_are_taken_are_not_taken_twice(tmp_path):
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["y"]),
        helper.make_node("Identity", ["x"], ["y_1"]),
    ]
    other = helper.make_tensor_value_info("y_1", TensorProto.FLOAT, [None, 3])
    model = loaded(model_of(tmp_path / "m.onnx", nodes, [X], [PAIR, other]))
    assert [spec.name for spec in model.signature.outputs] == ["y.0", "y.1", "y_1"]
    assert len(model.session.run({"x": np.ones((4, 3), np.float32)})) == 3


@pytest.mark.parametrize(("batching", "mode"), [("proven", "alone"), ("trusted", "trusted")])
def test_requests_for_lists_get_their_own_rows_alone_and_where_they_are_trusted_to_share_runs(tmp_path, batching, mode):
    nodes = [helper.make_node("Neg", ["x"], ["n"]), helper.make_node("SequenceConstruct", ["x", "n"], ["y"])]
    with serving(model_of(tmp_path / "m.onnx", nodes, [X], [PAIR]), tmp_path, batching=batching) as running:
        assert running.get("/v2/models/m")[1]["properties"]["batching"] == mode

        def answer(value):
            given = tensor("x", "FP32", [1, 3], [value] * 3)
            return running.infer(given, outputs=[{"name": "y_1"}])[1]["outputs"]

        values = [float(number) for number in range(40)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(answer, values))
        assert answers == [[tensor("y_1", "FP32", [1, 3], [-value] * 3)] for value in values]


def test_a_list_that_has_another_length_on_another_sample_is_no_longer_known():
    one = np.zeros((1, 3), np.float32)
    learnt, _ = SequenceOutput("y", "FP32").learnt([one, one], None, set())
    again, tensors = learnt.learnt([one], None, set())
    assert (learnt.problem(), tensors) == (None, ())
    assert "number changes" in again.problem().message
    assert "number changes" in again.learnt([one, one], None, set())[0].problem().message


def test_several_labels_a_row_are_no_prediction_unless_an_output_is_named(tmp_path):
    model = loaded(converted(trained("two labels of 3 and 2 classes"), tmp_path / "m.onnx"))
    assert PredictionReader(model.signature).position is None
    outputs = model.session.run({"X": data()[0][:5]})
    assert PredictionReader(model.signature, "probabilities_1").read(outputs) == outputs[2].argmax(axis=1).tolist()
