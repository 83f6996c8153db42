"""Two graphs that people run on devices, with random weights: no framework is needed to make them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


class Graph:
    """Nodes one after the other; each method returns the name of what it made."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._shape = shape
        self._rng = np.random.default_rng(0)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def normal(self, *shape: int, scale: float) -> str:
        return self.constant(self._rng.normal(0, scale, shape).astype(np.float32))

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        product = self.node("MatMul", x, self.normal(inputs, outputs, scale=inputs**-0.5))
        return self.node("Add", product, self.normal(outputs, scale=0.01))

    def norm(self, x: str, width: int) -> str:
        one, zero = np.ones(width, np.float32), np.zeros(width, np.float32)
        return self.node("LayerNormalization", x, self.constant(one), self.constant(zero), axis=-1)

    def conv(self, x: str, inputs: int, outputs: int, size: int, stride: int = 1, *, is_active: bool = True) -> str:
        weights = self.normal(outputs, inputs, size, size, scale=(2 / (inputs * size * size)) ** 0.5)
        bias = self.normal(outputs, scale=0.01)
        made = self.node("Conv", x, weights, bias, strides=[stride] * 2, pads=[size // 2] * 4, kernel_shape=[size] * 2)
        return self.node("Relu", made) if is_active else made

    def saved(self, file: Path, output: str, columns: int) -> Path:
        self.nodes.append(helper.make_node("Identity", [output], ["y"]))
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *self._shape])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", columns])
        graph = helper.make_graph(self.nodes, file.stem, [x], [y], self.weights)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
        return file


def encoder(file: Path, layers: int = 12, width: int = 768, heads: int = 12, tokens: int = 64) -> Path:
    """A transformer encoder that normalises after each block, and a classifier of two on its first token."""
    graph = Graph((tokens, width))
    split = graph.constant(np.array([0, tokens, heads, width // heads], np.int64))
    merged = graph.constant(np.array([0, tokens, width], np.int64))
    scale = graph.constant(np.array((width // heads) ** -0.5, np.float32))
    root, half, one = (graph.constant(np.array(value, np.float32)) for value in (2**-0.5, 0.5, 1.0))
    x = "x"
    for _ in range(layers):
        query, key, value = (graph.node("Reshape", graph.linear(x, width, width), split) for _ in range(3))
        query, value = (graph.node("Transpose", each, perm=[0, 2, 1, 3]) for each in (query, value))
        key = graph.node("Transpose", key, perm=[0, 2, 3, 1])
        weights = graph.node("Softmax", graph.node("Mul", graph.node("MatMul", query, key), scale), axis=-1)
        mixed = graph.node("Transpose", graph.node("MatMul", weights, value), perm=[0, 2, 1, 3])
        x = graph.norm(graph.node("Add", x, graph.linear(graph.node("Reshape", mixed, merged), width, width)), width)
        wide = graph.linear(x, width, 4 * width)
        error = graph.node("Add", graph.node("Erf", graph.node("Mul", wide, root)), one)
        active = graph.node("Mul", graph.node("Mul", wide, error), half)
        x = graph.norm(graph.node("Add", x, graph.linear(active, 4 * width, width)), width)
    first = graph.node("Gather", x, graph.constant(np.array(0, np.int64)), axis=1)
    return graph.saved(file, graph.linear(first, width, 2), 2)


def resnet50(file: Path) -> Path:
    """ResNet-50 with its normalisations folded into the convolutions."""
    graph = Graph((3, 224, 224))
    x = graph.conv("x", 3, 64, 7, 2)
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inputs = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            inner = graph.conv(graph.conv(x, inputs, width, 1), width, width, 3, stride)
            inner = graph.conv(inner, width, 4 * width, 1, is_active=False)
            if not block:
                x = graph.conv(x, inputs, 4 * width, 1, stride, is_active=False)
            # Halved, since random weights have no normalisation that keeps sums small.
            total = graph.node("Mul", graph.node("Add", x, inner), graph.constant(np.array(0.7, np.float32)))
            x, inputs = graph.node("Relu", total), 4 * width
    pooled = graph.node("Flatten", graph.node("GlobalAveragePool", x), axis=1)
    return graph.saved(file, graph.linear(pooled, inputs, 1000), 1000)


GRAPHS: dict[str, tuple[Callable[[Path], Path], tuple[int, ...]]] = {
    "encoder": (encoder, (64, 768)),
    "resnet50": (resnet50, (3, 224, 224)),
}
