"""Small ONNX models for tests, built by hand so that each shows one thing, and a real one."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from onnx import TensorProto, helper, save


def identity(file: Path, element: int = TensorProto.FLOAT, shape: Sequence[int | str | None] = (None, 3)) -> Path:
    """`y = x` of any element type: what goes in must come out."""
    return saved(
        file,
        [helper.make_node("Identity", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", element, list(shape))],
        [helper.make_tensor_value_info("y", element, list(shape))],
    )


def several_identities(file: Path, elements: dict[str, int]) -> Path:
    """`out-<name> = <name>`, for inputs of several element types at once, each of shape (free, 3)."""
    return saved(
        file,
        [helper.make_node("Identity", [name], [f"out-{name}"]) for name in elements],
        [helper.make_tensor_value_info(name, element, [None, 3]) for name, element in elements.items()],
        [helper.make_tensor_value_info(f"out-{name}", element, [None, 3]) for name, element in elements.items()],
    )


def doubling(file: Path, factor: float = 2.0) -> Path:
    """`y = factor * x` over rows of three floats."""
    return saved(
        file,
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])],
    )


def picky(file: Path) -> Path:
    """Looks rows up in a table of four: an index outside it makes the model raise, for that row's fault alone."""
    return saved(
        file,
        [helper.make_node("Gather", ["table", "x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.INT64, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        [helper.make_tensor("table", TensorProto.FLOAT, [4], [0.0, 1.0, 2.0, 3.0])],
    )


def lower_case(file: Path) -> Path:
    """Text in small letters, as pipelines of tf-idf begin."""
    return saved(
        file,
        [helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER", is_case_sensitive=1)],
        [helper.make_tensor_value_info("x", TensorProto.STRING, [None])],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [None])],
    )


def laborious(file: Path, size: int = 1000, layers: int = 100) -> Path:
    """Multiplies rows with one large matrix again and again: a hundred rows take a tenth of a second and more."""
    names = ["x", *(f"h{number}" for number in range(1, layers)), "y"]
    return saved(
        file,
        [helper.make_node("MatMul", [one, "weights"], [other]) for one, other in pairwise(names)],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, size])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [size, size], [1 / size] * size**2)],
    )


def never(file: Path) -> Path:
    """Loads and raises on every input: an index that is always outside its table."""
    return saved(
        file,
        [helper.make_node("Add", ["x", "far"], ["index"]), helper.make_node("Gather", ["table", "index"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.INT64, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        [
            helper.make_tensor("table", TensorProto.FLOAT, [2], [0.0, 1.0]),
            helper.make_tensor("far", TensorProto.INT64, [1], [1000]),
        ],
    )


def endless(file: Path) -> Path:
    """`y = x`, after a loop that ends at once unless the first number is 0; then it never does."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["seen", "seen"], ["added"]),
            helper.make_node("Identity", ["added"], ["kept"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("seen", TensorProto.FLOAT, [None]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept", TensorProto.FLOAT, [None]),
        ],
    )
    return saved(
        file,
        [
            helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
            helper.make_node("Equal", ["most", "zero"], ["is_zero"]),
            helper.make_node("Loop", ["", "is_zero", "x"], ["y"], body=body),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        [helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])],
    )


def saved(file: Path, nodes: list, inputs: list, outputs: list, constants: Sequence = (), opset: int = 17) -> Path:
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(constants))
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), file)
    return file
