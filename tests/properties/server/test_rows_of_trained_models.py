"""Models as people make them: those that keep rows apart stay fast, those that mix them run each request alone."""

from time import process_time

import numpy as np
import pytest
from onnx import TensorProto, helper, load, numpy_helper, save
from onnxruntime.quantization import quantize_dynamic
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from tests.support.graphs import decision, reason, written
from tests.support.transformer import encoder

from serin_server.model.onnx_file import words_in
from serin_server.model.rows.analysis import check
from serin_server.model.rows.decision import decide
from serin_server.model.rows.states import Reason
from serin_server.model.session import open_session
from serin_server.model.warmup import warm_up

CLASSIFIERS = {
    "logistic regression": LogisticRegression(),
    "forest": RandomForestClassifier(20, random_state=0),
    "boosted trees": GradientBoostingClassifier(n_estimators=20),
    "small neural network": MLPClassifier((16, 8), max_iter=30),
    "support vectors": SVC(),
}


def decided(file):
    words = words_in(file)
    warmed = warm_up(open_session(file), words=[first for first, *_ in words])
    return decide(file, warmed.session, words=words, samples=warmed.feeds)


@pytest.fixture(scope="module")
def cancer():
    features, classes = load_breast_cancer(return_X_y=True)
    return features.astype(np.float32), classes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zipmap", [False, True], ids=["with a tensor of scores", "with a list of maps"])
@pytest.mark.parametrize("model", CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
def test_classifiers_of_scikit_learn_are_proven(model, zipmap, cancer, tmp_path):
    pipeline = make_pipeline(StandardScaler(), model).fit(*cancer)
    file = tmp_path / "model.onnx"
    options = {id(pipeline): {"zipmap": zipmap}}
    file.write_bytes(to_onnx(pipeline, cancer[0][:1], options=options, target_opset=17).SerializeToString())
    made = decided(file)
    assert (made.mode, made.reason) == ("proven", Reason.PROVEN), made.message


@pytest.mark.parametrize("handle_unknown", ["error", "ignore"])
def test_columns_of_text_are_proven_with_the_words_of_their_own_categories(handle_unknown, tmp_path):
    table = np.array([["Ulm", 1.0, "old"], ["Bonn", 2.0, "new"], ["Kiel", 3.0, "old"]] * 4, dtype=object)
    encode = ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown=handle_unknown), [0, 2]), ("numbers", StandardScaler(), [1])]
    )
    pipeline = make_pipeline(encode, Ridge()).fit(table, [1.0, 2.0, 3.0] * 4)
    inputs = [
        ("city", StringTensorType([None, 1])),
        ("size", FloatTensorType([None, 1])),
        ("kind", StringTensorType([None, 1])),
    ]
    file = tmp_path / "model.onnx"
    file.write_bytes(convert_sklearn(pipeline, initial_types=inputs, target_opset=17).SerializeToString())
    made = decided(file)
    assert (made.mode, made.reason) == ("proven", Reason.PROVEN), made.message


IMAGES = "(float[N,3,16,16] x) => (float[N,10] y)"
WEIGHTS = {"w": (4, 3, 3, 3), "f": (10, 256)}
NETWORKS = {
    "layers of convolutions": (
        (
            f"{IMAGES} {{ a = Conv<pads = [1, 1, 1, 1]>(x, w) b = Relu(a) c = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(b) "
            "d = Flatten(c) y = Gemm<transB = 1>(d, f) }"
        ),
        WEIGHTS,
    ),
    "a view of -1 and the size of an image": (
        (
            f"{IMAGES} <int64[2] s = {{-1, 256}}> {{ a = Conv<pads = [1, 1, 1, 1]>(x, w) "
            "c = AveragePool<kernel_shape = [2, 2], strides = [2, 2]>(a) d = Reshape(c, s) y = Gemm<transB = 1>(d, f) }"
        ),
        WEIGHTS,
    ),
    "a skip connection": (
        (
            "(float[N,4,8,8] x) => (float[N,4] y) { a = Conv<pads = [1, 1, 1, 1]>(x, w) b = BatchNormalization(a, s, s, s, s) "
            "c = Relu(b) d = Conv<pads = [1, 1, 1, 1]>(c, w) e = Add(d, x) f = Relu(e) g = GlobalAveragePool(f) y = Flatten(g) }"
        ),
        {"w": (4, 4, 3, 3), "s": (4,)},
    ),
}


def with_weights(folder, text, shapes):
    """The model with random weights of these shapes."""
    file = written(folder, text)
    model = load(file)
    numbers = np.random.default_rng(0)
    for name, shape in shapes.items():
        values = np.abs(numbers.normal(0, 0.3, shape)).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    save(model, file)
    return file


@pytest.mark.parametrize(("text", "shapes"), NETWORKS.values(), ids=NETWORKS.keys())
def test_networks_for_images_are_proven(text, shapes, tmp_path):
    made = decision(with_weights(tmp_path, text, shapes))
    assert (made.mode, made.reason) == ("proven", Reason.PROVEN), made.message


def test_a_transformer_as_exporters_write_it_is_proven(tmp_path):
    made = decision(encoder(tmp_path / "model.onnx"))
    assert (made.mode, made.reason) == ("proven", Reason.PROVEN), made.message


MIXING = {
    "a detector with suppression of boxes inside": (
        (
            "(float[N,6,4] boxes, float[N,1,6] scores) => (int64[N,3] y) <int64 most = {3}, float half = {0.5}> "
            "{ y = NonMaxSuppression(boxes, scores, most, half) }"
        ),
        Reason.ROWS_MIX,
        "NonMaxSuppression (node 1) lists the boxes of all rows",
    ),
    "softmax over the documents of a request": (
        "(float[N,2] x) => (float[N,1] y) <float[2,1] w = {1, 2}> { s = MatMul(x, w) y = Softmax<axis = 0>(s) }",
        Reason.ROWS_MIX,
        "Softmax (node 2) is taken over the rows",
    ),
    "a recurrent network whose first dimension is time": (
        "(float[T,1,2] x) => (float[T,1,1,1] y) <float[1,1,2] w = {1, 2}, float[1,1,1] r = {1}> { y = RNN<hidden_size = 1>(x, w, r) }",
        Reason.ROWS_MIX,
        "takes axis 1 for the batch, but the rows lie at axis 0",
    ),
    "a running total": (
        "(float[N,2] x) => (float[N,2] y) <int64 zero = {0}> { y = CumSum(x, zero) }",
        Reason.ROWS_MIX,
        "CumSum (node 1) adds up over the rows (axis 0)",
    ),
    "a z-score over the request": (
        (
            "(float[N,2] x) => (float[N,2] y) { m = ReduceMean<axes = [0]>(x) c = Sub(x, m) s = Mul(c, c) v = ReduceMean<axes = [0]>(s) "
            "d = Sqrt(v) y = Div(c, d) }"
        ),
        Reason.ROWS_MIX,
        "ReduceMean (node 1) reduces over the rows",
    ),
    "duplicates removed": (
        "(int64[N] x) => (int64[N] y) { y = Unique(x) }",
        Reason.ROWS_MIX,
        "Unique (node 1) looks for what is the same in all rows",
    ),
    "attention across the batch": (
        "(float[N,4] x) => (float[N,4] y) { t = Transpose(x) s = MatMul(x, t) a = Softmax(s) y = MatMul(a, x) }",
        Reason.ROWS_MIX,
        "MatMul (node 2) multiplies rows with one another",
    ),
    "a division by the number of rows": (
        "(float[N,2] x) => (float[N,2] y) { s = Shape(x) i = Constant<value_int = 0>() n = Gather(s, i) f = Cast<to = 1>(n) y = Div(x, f) }",
        Reason.BATCH_SIZE_MATTERS,
        "Div (node 5) uses the number of rows as a value",
    ),
    "a branch that random rows never reach": (
        "(float[N,2] x) => (float[N,2] y) <float far = {1e6}> { m = ReduceMax<keepdims = 0>(x) c = Greater(m, far) w = Where(c, m, far) y = Min(x, w) }",
        Reason.ROWS_MIX,
        "ReduceMax (node 1) reduces over the rows",
    ),
}


@pytest.mark.parametrize(("text", "why", "told"), MIXING.values(), ids=MIXING.keys())
def test_what_mixes_rows_is_not_proven_and_the_message_names_the_operator(text, why, told, tmp_path):
    made = decision(written(tmp_path, text))
    assert (made.is_batchable, made.mode, made.reason) == (False, "alone", why)
    assert told in made.message
    assert "batching=trusted" in made.message


def test_a_dynamically_quantised_network_is_not_proven(tmp_path):
    text = "(float[N,8] x) => (float[N,2] y) { a = MatMul(x, w) b = Relu(a) y = MatMul(b, v) }"
    file = with_weights(tmp_path, text, {"w": (8, 16), "v": (16, 2)})
    assert reason(file) is Reason.PROVEN
    quantize_dynamic(file, tmp_path / "small.onnx")
    made = decision(tmp_path / "small.onnx")
    assert (made.is_batchable, made.reason) == (False, Reason.ROWS_MIX)
    assert "DynamicQuantizeLinear" in made.message
    assert "takes its scale from the smallest and largest value of all rows" in made.message


def test_a_graph_with_a_branch_is_not_proven(tmp_path):
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "far"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, [None, 2])], [value("y", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor("far", TensorProto.FLOAT, [], [1e6])],
    )  # fmt: skip
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    assert reason(tmp_path / "model.onnx") is Reason.ROWS_MIX


def test_a_large_graph_is_followed_in_a_fraction_of_a_second(tmp_path):
    file = encoder(tmp_path / "model.onnx", layers=12)
    started = process_time()
    check(file)
    assert process_time() - started < 1.0  # 0.2 s; room for a machine that is busy
