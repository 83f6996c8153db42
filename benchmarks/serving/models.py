"""The models and request bodies that every candidate is driven with."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Case:
    """One kind of request: which model, how many rows, how many connections."""

    name: str
    model: str
    rows: int
    connections: int
    is_binary: bool = False


CASES = (
    Case("lr b1 c8", "lr", 1, 8),
    Case("lr b1 c64", "lr", 1, 64),
    Case("mlp b1 c64", "mlp", 1, 64),
    Case("mlp b32 c8", "mlp", 32, 8),
    Case("mlp b32 c8 binary", "mlp", 32, 8, is_binary=True),
)


def build(folder: Path) -> None:
    """Trains and exports both models: a logistic regression on 30 real features, an MLP of 784-1024-1024-10 (7 MB)."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from serin_server import baseline

    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32)
    rng = np.random.default_rng(0)
    images, digits = rng.random((2000, 784), dtype=np.float32), rng.integers(0, 10, 2000)
    trained = {
        "lr": (make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y), x),
        "mlp": (MLPClassifier((1024, 1024), max_iter=1).fit(images, digits), images),
    }
    for name, (model, data) in trained.items():
        exported = to_onnx(model, data[:1], options={"zipmap": False}).SerializeToString()
        (folder / f"{name}.onnx").write_bytes(exported)
        np.save(folder / f"{name}.npy", data[:32])
        # The logistic regression's 30 features have histograms; an image's pixels are nobody's features.
        features = data if name == "lr" else data[:, :30]
        baseline.write(folder / f"{name}-baseline.json", baseline.of({"X": features}, model.predict(data)))


def body_of(case: Case, folder: Path) -> tuple[bytes, dict[str, str]]:
    """The bytes of one request and its headers; numbers rounded to four digits, as people send them."""
    data = np.load(folder / f"{case.model}.npy")[: case.rows].round(4)
    tensor = {"name": "X", "shape": list(data.shape), "datatype": "FP32"}
    if not case.is_binary:
        tensor["data"] = [round(float(value), 4) for value in data.ravel()]
        return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode(), {"Content-Type": "application/json"}
    tensor["parameters"] = {"binary_data_size": data.nbytes}
    request = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(request, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    return head + data.astype(np.float32).tobytes(), headers


def expected(case: Case, folder: Path) -> list[np.ndarray]:
    """What ONNX Runtime itself answers."""
    import onnxruntime

    data = np.load(folder / f"{case.model}.npy")[: case.rows].round(4)
    return onnxruntime.InferenceSession(str(folder / f"{case.model}.onnx")).run(None, {"X": data.astype(np.float32)})
