"""Files that are hostile or odd are not proven, quickly, and never crash the load."""

from time import process_time
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper, load, numpy_helper, save
from tests.support.graphs import decision, reason, written

from serin_server.failures import LoadFailure
from serin_server.metrics.merge import merged
from serin_server.model.load import load as load_model
from serin_server.model.rows.decision import decide
from serin_server.model.rows.graph import Unreadable
from serin_server.model.rows.reading import read
from serin_server.model.rows.states import Reason
from serin_server.model.session import open_session
from serin_server.model.source import Source

RELU = "(float[N,4] x) => (float[N,4] y) { y = Relu(x) }"


def test_nodes_attributes_and_small_constants_are_read_as_onnx_wrote_them(tmp_path):
    text = '(float[N,4,?] x) => (float[N,2] y) <int64[3] a = {1, -2, 3}, float[2] b = {0.5, 2}, int32 c = {7}> { y = Odd<i = -3, l = [4, 5], t = "word", f = 2.5>(x, , a) }'
    graph = read(written(tmp_path, text))
    (node,) = graph.nodes
    assert (node.operator, node.inputs, node.outputs) == ("Odd", ("x", "", "a"), ("y",))
    assert node.attributes["i"].integer == -3
    assert node.attributes["l"].integers == (4, 5)
    assert (node.attributes["t"].text, node.attributes["f"].number) == ("word", 2.5)
    assert graph.constants["a"].values.tolist() == [1, -2, 3]
    assert graph.constants["b"].values.tolist() == [0.5, 2.0]
    assert (graph.constants["c"].shape, graph.constants["c"].values.tolist()) == ((), 7)
    assert graph.inputs[0].sizes == ("N", 4, None)
    assert graph.opsets[""] == 17


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.int8, np.bool_, np.float32, np.float64])
@pytest.mark.parametrize("is_raw", [True, False])
def test_constants_are_read_from_raw_bytes_and_from_lists(kind, is_raw, tmp_path):
    values = np.array([[0, 1], [2, 100]]).astype(kind)
    model = load(written(tmp_path, RELU))
    element = helper.np_dtype_to_tensor_dtype(values.dtype)
    tensor = (
        numpy_helper.from_array(values, "c") if is_raw else helper.make_tensor("c", element, [2, 2], values.ravel())
    )
    model.graph.initializer.append(tensor)
    save(model, tmp_path / "c.onnx")
    found = read(tmp_path / "c.onnx").constants["c"]
    assert found.values.dtype.kind == values.dtype.kind
    assert np.array_equal(found.values, values)


def test_a_second_graph_hidden_behind_the_first_is_refused(tmp_path):
    first = written(tmp_path, RELU).read_bytes()
    second = load(written(tmp_path, RELU)).graph.SerializeToString()
    file = tmp_path / "two.onnx"
    file.write_bytes(first + b"\x3a" + bytes([len(second)]) + second)
    with pytest.raises(Unreadable, match="two graphs"):
        read(file)


def test_a_function_that_takes_the_name_of_an_operator_is_not_proven(tmp_path):
    model = load(written(tmp_path, RELU))
    mean = helper.make_node("ReduceMean", ["a"], ["m"], axes=[0])
    body = [mean, helper.make_node("Sub", ["a", "m"], ["b"])]
    model.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    save(model, tmp_path / "function.onnx")
    assert reason(tmp_path / "function.onnx") is Reason.OPERATOR_UNKNOWN


def test_values_that_grow_without_end_are_given_up_soon(tmp_path):
    nodes = [helper.make_node("Shape", ["x"], ["s0"])]
    nodes += [helper.make_node("Concat", [f"s{n}", f"s{n}"], [f"s{n + 1}"], axis=0) for n in range(200)]
    nodes += [helper.make_node("Mul", [f"s{n}", f"s{n}"], [f"m{n}"]) for n in range(200)]
    nodes.append(helper.make_node("Reshape", ["x", "m199"], ["y"]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "g", [value("x", TensorProto.FLOAT, ["N", 4])], [value("y", TensorProto.FLOAT, ["N", 4])]
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "model.onnx")
    started = process_time()
    assert reason(tmp_path / "model.onnx") in {Reason.NOT_FOLLOWED, Reason.BATCH_SIZE_MATTERS}
    assert process_time() - started < 2.0


def test_more_fields_than_a_message_of_a_model_ever_has_are_given_up_soon(tmp_path):
    file = tmp_path / "model.onnx"
    node = b"\x0a\x01x" * 500_000
    graph = b"\x0a" + _length(len(node)) + node
    file.write_bytes(b"\x3a" + _length(len(graph)) + graph)
    started = process_time()
    assert reason(file) is Reason.NOT_FOLLOWED
    assert process_time() - started < 1.0


def _length(value):
    told = bytearray()
    while value >= 128:
        told.append(value & 127 | 128)
        value >>= 7
    return bytes([*told, value])


def test_weights_in_another_file_are_followed_by_their_shape(tmp_path):
    model = load(written(tmp_path, "(float[N,4] x) => (float[N,2] y) { y = MatMul(x, w) }"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 2), np.float32), "w"))
    save(model, tmp_path / "model.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    assert decision(tmp_path / "model.onnx").reason is Reason.PROVEN


def test_a_switch_and_a_trust_need_no_proof_but_free_first_dimensions(tmp_path):
    mixing = written(tmp_path, "(float[N,2] x) => (float[N,2] y) { y = Softmax<axis = 0>(x) }")
    assert decision(mixing, "off").mode == "off"
    trusted = decision(mixing, "trusted")
    assert (trusted.is_batchable, trusted.mode, trusted.reason) == (True, "trusted", Reason.TRUSTED)
    fixed = decision(written(tmp_path, "(float[1,2] x) => (float[1,2] y) { y = Relu(x) }"), "trusted")
    assert (fixed.is_batchable, fixed.mode, fixed.reason) == (False, "alone", Reason.FIXED_SIZE)
    assert "'x' has no free first dimension" in fixed.message


def test_a_proof_that_breaks_leaves_the_model_served_without_batches(tmp_path):
    file = written(tmp_path, RELU)
    session = open_session(file)
    broken = SimpleNamespace(signature=session.signature, run=lambda feed: None)
    made = decide(file, broken)
    assert (made.is_batchable, made.mode, made.reason) == (False, "alone", Reason.NOT_PROBED)


def test_a_file_that_breaks_off_inside_its_graph_is_no_model(tmp_path):
    whole = written(tmp_path, RELU).read_bytes()
    file = tmp_path / "broken.onnx"
    file.write_bytes(whole.replace(b"Relu", b"\xff\xff\xff\xff"))
    with pytest.raises(LoadFailure):
        load_model(Source(str(file)), batching="proven")


def test_several_processes_tell_their_batching_once():
    line = '# TYPE serin_model_batching gauge\nserin_model_batching{mode="proven",reason="RowsAreIndependent"} 1'
    assert merged([line, line]).endswith(" 1\n")


@pytest.mark.parametrize(("node", "field"), [("Softmax<axis = 0>", "i"), ("ReduceSum<keepdims = 0>", "i")])
def test_a_zero_that_protobuf_3_leaves_out_is_a_zero(node, field, tmp_path):
    model = load(written(tmp_path, f"(float[N,4] x) => (float[N,4] y) {{ y = {node}(x) }}"))
    model.graph.node[0].attribute[0].ClearField(field)
    save(model, tmp_path / "zero.onnx")
    (attribute,) = read(tmp_path / "zero.onnx").nodes[0].attributes.values()
    assert attribute.integer == 0
    assert reason(tmp_path / "zero.onnx") is Reason.ROWS_MIX


def test_a_number_that_protobuf_3_leaves_out_is_a_zero(tmp_path):
    model = load(written(tmp_path, "(float[N,4] x) => (float[N,4] y) { y = LeakyRelu<alpha = 0.0>(x) }"))
    model.graph.node[0].attribute[0].ClearField("f")
    save(model, tmp_path / "zero.onnx")
    assert read(tmp_path / "zero.onnx").nodes[0].attributes["alpha"].number == 0.0


def test_an_attribute_of_another_kind_than_it_says_is_not_followed(tmp_path):
    model = load(written(tmp_path, "(float[N,4] x) => (float[N,4] y) { y = Softmax<axis = 1>(x) }"))
    model.graph.node[0].attribute[0].type = 7
    save(model, tmp_path / "odd.onnx")
    assert reason(tmp_path / "odd.onnx") is Reason.NOT_FOLLOWED


def test_without_a_version_of_onnx_s_operators_nothing_is_proven(tmp_path):
    text = (
        "(float[N,4] x) => (float[N,4] y) <int64[1] a = {0}, int64[1] b = {1}> { s = Slice(x, a, b, a) y = Add(x, s) }"
    )
    model = load(written(tmp_path, text))
    del model.opset_import[0]
    save(model, tmp_path / "odd.onnx")
    assert reason(tmp_path / "odd.onnx") is Reason.NOT_FOLLOWED
