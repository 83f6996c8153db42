"""Train five versions of one classifier on real data, export them to ONNX, and record what they should answer.

The data are 569 biopsies (Breast Cancer Wisconsin, inside scikit-learn): thirty numbers measured on the cell nuclei of
each, and whether the tumour was malignant (0) or benign (1). Half of them train, the other half is never seen in
training: it becomes the traffic whose true answers come back later.

    v1  logistic regression on the ten mean values           an honest first version
    v2  the same on all thirty values                         better
    v3  as v2, but a bug flipped 30 % of the training labels  loads, answers, passes every health check, predicts worse
    v4  the first part of v2's file                           a copy that broke off: it cannot be loaded
    v5  v2, whose scaler got lost in the export               loads, answers, and not what was evaluated

Each becomes a folder, `<version>/model.onnx` with `golden.jsonl` beside it: requests with scikit-learn's own answers.
Everything is seeded: the same library versions on the same kind of machine give the same files.

    python examples/breast-cancer/train.py --out build/quickstart/models
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

SEED = 0
FLIPPED_SHARE = 0.3
BROKEN_OFF_AT = 0.6  # share of v2's bytes that v4 has
GOLDEN_SAMPLES = 20
TARGET_OPSET = 21
MEAN_VALUES = list(range(10))  # of thirty: ten means, ten standard errors, ten worst values
ALL_VALUES = list(range(30))


def classifier(columns: list[int]) -> Pipeline:
    """A logistic regression that looks at some of the thirty columns, standardised."""
    chosen = ColumnTransformer([("scaled", StandardScaler(), columns)])
    return Pipeline([("columns", chosen), ("regression", LogisticRegression())])


def with_flipped_labels(labels: np.ndarray, share: float) -> np.ndarray:
    """The bug behind v3: `share` of the labels say the opposite of the truth."""
    flipped = np.random.default_rng(SEED + 7).random(len(labels)) < share
    return np.where(flipped, 1 - labels, labels)


def without_its_scaler(model: Pipeline, columns: list[int], features: np.ndarray) -> Pipeline:
    """The bug behind v5: the regression that was evaluated, exported without what comes before it."""
    unscaled = ColumnTransformer([("unscaled", "passthrough", columns)]).fit(features)
    return Pipeline([("columns", unscaled), ("regression", model.named_steps["regression"])])


def golden_samples(model: Pipeline, rows: np.ndarray) -> str:
    """What the model answers before its export, a request a line: whatever is served has to answer the same."""
    lines = []
    for row in rows:
        label, probabilities = model.predict([row]), model.predict_proba([row])
        sample = {
            "inputs": [_tensor("features", "FP32", [1, len(row)], _shortest(row))],
            "outputs": [
                _tensor("label", "INT64", [1], label.tolist()),
                _tensor("probabilities", "FP32", [1, 2], probabilities.ravel().tolist()),
            ],
        }
        lines.append(json.dumps(sample) + "\n")
    return "".join(lines)


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _shortest(row: np.ndarray) -> list[float]:
    """The shortest digits of each float32."""
    return [float(str(value)) for value in row]


def onnx_bytes(model: Pipeline) -> bytes:
    """The model as ONNX: one input `features` [n, 30], outputs `label` [n] and `probabilities` [n, 2]."""
    exported = to_onnx(
        model,
        initial_types=[("features", FloatTensorType([None, len(ALL_VALUES)]))],
        options={"zipmap": False},  # a tensor of probabilities instead of a list of maps
        target_opset=TARGET_OPSET,
    )
    exported.graph.name = "breast-cancer"  # the default is random, and would change the digest with every run
    return bytes(exported.SerializeToString())


def train(out: Path) -> dict[str, Any]:
    """Write a folder a version, `patients.json` (the unseen half) and `models.json`; return the content of the last."""
    data = load_breast_cancer()
    features, labels = data.data.astype(np.float32), data.target
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        features, labels, test_size=0.5, random_state=SEED, stratify=labels
    )
    v1 = classifier(MEAN_VALUES).fit(seen, seen_labels)
    v2 = classifier(ALL_VALUES).fit(seen, seen_labels)
    v3 = classifier(ALL_VALUES).fit(seen, with_flipped_labels(seen_labels, FLIPPED_SHARE))
    exported = {"v1": onnx_bytes(v1), "v2": onnx_bytes(v2), "v3": onnx_bytes(v3)}
    exported["v4"] = exported["v2"][: int(len(exported["v2"]) * BROKEN_OFF_AT)]
    exported["v5"] = onnx_bytes(without_its_scaler(v2, ALL_VALUES, seen))
    evaluated = {
        "v1": ("ten mean values", v1),
        "v2": ("all thirty values", v2),
        "v3": (f"as v2, {FLIPPED_SHARE:.0%} of the training labels flipped", v3),
        "v4": ("v2's file, broken off while it was copied", v2),
        "v5": ("v2, its scaler lost in the export", v2),
    }

    models: dict[str, Any] = {}
    for version, content in exported.items():
        description, model = evaluated[version]
        folder = out / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(content)
        (folder / "golden.jsonl").write_text(golden_samples(model, unseen[:GOLDEN_SAMPLES]))
        models[version] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "description": description,
            # What is known before anything is served; nobody has asked the file itself yet.
            "accuracy": float(model.score(unseen, unseen_labels)),
            # What scikit-learn itself says about the first unseen patients, to check the served model against.
            "expected": _expected(model, unseen[:5]),
        }
    patients = {
        "features": [_shortest(row) for row in unseen],
        "labels": unseen_labels.tolist(),
        "meaning": {"0": "malignant", "1": "benign"},
    }
    (out / "patients.json").write_text(json.dumps(patients))
    (out / "models.json").write_text(json.dumps(models, indent=2) + "\n")
    return models


def _expected(model: Pipeline, rows: np.ndarray) -> dict[str, Any]:
    return {"labels": model.predict(rows).tolist(), "probabilities": model.predict_proba(rows).tolist()}


def main() -> None:
    """Train, write, and print one line a version."""
    parser = argparse.ArgumentParser(description="Train the breast-cancer models and export them to ONNX.")
    parser.add_argument("--out", type=Path, default=Path("build/quickstart/models"), help="folder to write into")
    out = parser.parse_args().out
    for version, model in train(out).items():
        told = f"{model['bytes']:>5} bytes  {model['accuracy']:.1%} right  {model['description']}"
        print(f"{version}  {model['sha256'][:12]}  {told}")


if __name__ == "__main__":
    main()
