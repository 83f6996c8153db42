"""A transformer encoder as exporters write it: sizes taken from shapes, attention in four dimensions, parts spelled out."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

WIDTH, HEADS, WORDS, LONGEST = 16, 4, 40, 32


class _Writer:
    def __init__(self) -> None:
        self.nodes, self.constants = [], []
        self._numbers = np.random.default_rng(1)

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f"{operator}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(
            helper.make_node(operator, list(inputs), names, name=f"/{operator}_{len(self.nodes)}", **attributes)
        )
        return names[0]

    def constant(self, value) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def value(self, value) -> str:
        """As exporters write small constants: a node."""
        return self.node("Constant", value=numpy_helper.from_array(np.asarray(value)))

    def weights(self, *shape: int) -> str:
        return self.constant(self._numbers.normal(0, 0.2, shape).astype(np.float32))

    def size(self, of: str, axis: int) -> str:
        return self.node(
            "Unsqueeze", self.node("Gather", self.node("Shape", of), self.value(axis), axis=0), self.value([0])
        )

    def dense(self, x: str, inner: int, outer: int) -> str:
        return self.node("Add", self.weights(outer), self.node("MatMul", x, self.weights(inner, outer)))

    def norm(self, x: str) -> str:
        centred = self.node("Sub", x, self.node("ReduceMean", x, axes=[-1]))
        square = self.node("Pow", centred, self.value(np.float32(2)))
        variance = self.node("Add", self.node("ReduceMean", square, axes=[-1]), self.value(np.float32(1e-12)))
        scaled = self.node("Div", centred, self.node("Sqrt", variance))
        return self.node("Add", self.node("Mul", scaled, self.weights(WIDTH)), self.weights(WIDTH))

    def gelu(self, x: str) -> str:
        error = self.node("Erf", self.node("Div", x, self.value(np.float32(2**0.5))))
        return self.node(
            "Mul", self.node("Mul", x, self.node("Add", error, self.value(np.float32(1)))), self.value(np.float32(0.5))
        )

    def heads(self, x: str, order: list[int]) -> str:
        each = [self.size(x, 0), self.size(x, 1), self.value([HEADS]), self.value([WIDTH // HEADS])]
        return self.node("Transpose", self.node("Reshape", x, self.node("Concat", *each, axis=0)), perm=order)

    def attention(self, x: str, mask: str) -> str:
        query, key, value = (
            self.heads(self.dense(x, WIDTH, WIDTH), order) for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
        )
        width = self.node(
            "Cast", self.node("Gather", self.node("Shape", query), self.value(-1), axis=0), to=TensorProto.FLOAT
        )
        scores = self.node("Div", self.node("MatMul", query, key), self.node("Sqrt", width))
        shares = self.node("Softmax", self.node("Add", scores, mask), axis=-1)
        context = self.node("Transpose", self.node("MatMul", shares, value), perm=[0, 2, 1, 3])
        shape = self.node("Concat", self.size(context, 0), self.size(context, 1), self.value([WIDTH]), axis=0)
        return self.dense(self.node("Reshape", context, shape), WIDTH, WIDTH)


def encoder(file: Path, layers: int = 2) -> Path:
    """Ids and a mask go in, the scores of three classes come out."""
    writer = _Writer()
    positions = writer.node(
        "Slice", writer.constant(np.arange(LONGEST)[None]), writer.value([0]), writer.size("ids", 1), writer.value([1])
    )
    words = writer.node("Gather", writer.weights(WORDS, WIDTH), "ids")
    x = writer.norm(writer.node("Add", words, writer.node("Gather", writer.weights(LONGEST, WIDTH), positions)))
    wide = writer.node("Unsqueeze", writer.node("Unsqueeze", "mask", writer.value([1])), writer.value([2]))
    shape = writer.node(
        "Concat", writer.size("ids", 0), writer.value([1]), writer.size("ids", 1), writer.size("ids", 1), axis=0
    )
    ones = writer.node(
        "ConstantOfShape", writer.node("Shape", shape), value=helper.make_tensor("one", TensorProto.INT64, [1], [1])
    )
    is_open = writer.node("Equal", shape, writer.node("Mul", ones, writer.value(-1)))
    wide = writer.node("Expand", wide, writer.node("Where", is_open, ones, shape))
    away = writer.node("Sub", writer.value(np.float32(1)), writer.node("Cast", wide, to=TensorProto.FLOAT))
    mask = writer.node("Mul", away, writer.value(np.float32(-3e38)))
    for _ in range(layers):
        x = writer.norm(writer.node("Add", writer.attention(x, mask), x))
        x = writer.norm(
            writer.node("Add", writer.dense(writer.gelu(writer.dense(x, WIDTH, 4 * WIDTH)), 4 * WIDTH, WIDTH), x)
        )
    first = writer.node("Gather", x, writer.value(0), axis=1)
    pooled = writer.node(
        "Tanh", writer.node("Gemm", first, writer.weights(WIDTH, WIDTH), writer.weights(WIDTH), transB=1)
    )
    writer.nodes.append(
        helper.make_node("Gemm", [pooled, writer.weights(3, WIDTH), writer.weights(3)], ["logits"], transB=1)
    )
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
    graph = helper.make_graph(writer.nodes, "encoder", inputs, outputs, writer.constants)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file
