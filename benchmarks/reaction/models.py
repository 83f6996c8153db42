"""A version that passes every gate before traffic, and fails on every real request."""

from onnx import TensorProto, helper


def failing_model():
    """Looks up a row by the largest number of a patient: zeros, as a warm-up sends, find row 0, and nothing else is there."""
    number = TensorProto.INT64
    nodes = [
        helper.make_node("ReduceMax", ["features"], ["largest"], axes=[1], keepdims=0),
        helper.make_node("Cast", ["largest"], ["row"], to=number),
        helper.make_node("Gather", ["rows", "row"], ["label"]),
    ]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 30])
    label = helper.make_tensor_value_info("label", number, [None])
    rows = helper.make_tensor("rows", number, [1], [0])
    graph = helper.make_graph(nodes, "failing", [features], [label], [rows])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    return model.SerializeToString()
