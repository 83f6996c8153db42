"""Models of real biopsies, trained for a story: the everyday retrain, one that is worse in a slice, one that is slow.

The data and their halves are the example's: half of the 569 patients trains, the other half asks.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.support.clinic import Patients

RADIUS = 0
"""Column of the mean radius of the nuclei."""
MIDDLE = (12.0, 15.0)
"""Radii between which tumours are hard to tell apart."""
LOST = 9
"""Column of the mean fractal dimension, without which they are told apart worse."""
WIDTH = 1000


def halves() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features and labels that train, features and labels that ask."""
    data = load_breast_cancer()
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        data.data.astype(np.float32), data.target, test_size=0.5, random_state=0, stratify=data.target
    )
    return seen, seen_labels, unseen, unseen_labels


def patients() -> Patients:
    """Those who ask."""
    _, _, features, labels = halves()
    return Patients([[float(value) for value in row] for row in features], [int(label) for label in labels])


def is_middle(features: np.ndarray) -> np.ndarray:
    """Which rows lie between the radii of `MIDDLE`."""
    return (features[:, RADIUS] > MIDDLE[0]) & (features[:, RADIUS] <= MIDDLE[1])


def retrained(seed: int) -> bytes:
    """The same network on the same data, with another seed."""
    features, labels, _, _ = halves()
    network = MLPClassifier(hidden_layer_sizes=(16,), alpha=1.0, max_iter=600, random_state=seed)
    return exported(make_pipeline(StandardScaler(), network).fit(features, labels), f"seed {seed}")


def broken_in_the_middle(content: bytes) -> bytes:
    """The same model behind a step that loses one of the thirty values of those whose radius lies between those of `MIDDLE`."""
    model = onnx.load_from_string(content)
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["kept" if name == "features" else name for name in node.input]
    others = [
        helper.make_node("Gather", ["features", "radius"], ["radii"], axis=1),
        helper.make_node("Greater", ["radii", "low"], ["above"]),
        helper.make_node("LessOrEqual", ["radii", "high"], ["below"]),
        helper.make_node("And", ["above", "below"], ["middle"]),
        helper.make_node("Where", ["middle", "without", "with"], ["times"]),
        helper.make_node("Mul", ["features", "times"], ["kept"]),
    ]
    for number, node in enumerate(others):
        graph.node.insert(number, node)
    numbers = {
        "low": [MIDDLE[0]],
        "high": [MIDDLE[1]],
        "with": [1.0],
        "without": [float(column != LOST) for column in range(30)],
    }
    for name, values in numbers.items():
        graph.initializer.append(helper.make_tensor(name, TensorProto.FLOAT, [1, len(values)], values))
    graph.initializer.append(helper.make_tensor("radius", TensorProto.INT64, [1], [RADIUS]))
    model.doc_string = "a value is lost in the middle"
    return bytes(model.SerializeToString())


def exported(model: object, says: str) -> bytes:
    """As ONNX: `features` [n, 30] to `label` [n] and `probabilities` [n, 2]. `says` makes its bytes its own."""
    kinds = [("features", FloatTensorType([None, 30]))]
    graph = to_onnx(model, initial_types=kinds, options={"zipmap": False}, target_opset=21)
    graph.doc_string = says
    return bytes(graph.SerializeToString())


def renamed(content: bytes, says: str) -> bytes:
    """The same model in other bytes."""
    model = onnx.load_from_string(content)
    model.doc_string = says
    return bytes(model.SerializeToString())


def slowed(content: bytes, products: int) -> bytes:
    """The same answers after so many products with a square matrix of `WIDTH` more."""
    model = onnx.load_from_string(content)
    graph = model.graph
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1 / WIDTH])
    nodes = [
        helper.make_node("ConstantOfShape", ["slow_shape"], ["slow_matrix"], value=one),
        helper.make_node("ReduceSum", ["features", "slow_axis"], ["slow_sum"], keepdims=1),
        helper.make_node("Expand", ["slow_sum", "slow_row"], ["slow_0"]),
        *(
            helper.make_node("MatMul", [f"slow_{number}", "slow_matrix"], [f"slow_{number + 1}"])
            for number in range(products)
        ),
        helper.make_node("ReduceSum", [f"slow_{products}", "slow_axis"], ["slow_last"], keepdims=0),
        helper.make_node("Mul", ["slow_last", "slow_zero"], ["slow_nothing"]),
        helper.make_node("Cast", ["slow_nothing"], ["slow_nothing_whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["quick_label", "slow_nothing_whole"], ["label"]),
    ]
    for node in graph.node:
        node.output[:] = ["quick_label" if name == "label" else name for name in node.output]
        node.input[:] = ["quick_label" if name == "label" else name for name in node.input]
    graph.node.extend(nodes)
    for name, kind, shape, values in (
        ("slow_shape", TensorProto.INT64, [2], [WIDTH, WIDTH]),
        ("slow_axis", TensorProto.INT64, [1], [1]),
        ("slow_row", TensorProto.INT64, [2], [1, WIDTH]),
        ("slow_zero", TensorProto.FLOAT, [], [0.0]),
    ):
        graph.initializer.append(helper.make_tensor(name, kind, shape, values))
    model.doc_string = f"{products} products"
    return bytes(model.SerializeToString())
