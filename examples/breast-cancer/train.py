"""Train four versions of one classifier on real data and export them to ONNX.

The data are 569 biopsies (Breast Cancer Wisconsin, inside scikit-learn): thirty numbers measured on the cell nuclei of
each, and whether the tumour was malignant (0) or benign (1). Half of them train, the other half is never seen in
training: it becomes the traffic whose true answers come back later.

    v1  logistic regression on the ten mean values           an honest first version
    v2  the same on all thirty values                         better
    v3  as v2, but a bug flipped 30 % of the training labels  loads, answers, passes every health check, predicts worse
    v4  the first part of v2's file                           an upload that broke off: it cannot be loaded

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
    """Write `<version>.onnx`, `patients.json` (the unseen half) and `models.json`; return the content of the last."""
    data = load_breast_cancer()
    features, labels = data.data.astype(np.float32), data.target
    seen, unseen, seen_labels, unseen_labels = train_test_split(
        features, labels, test_size=0.5, random_state=SEED, stratify=labels
    )
    trained = {
        "v1": ("ten mean values", classifier(MEAN_VALUES).fit(seen, seen_labels)),
        "v2": ("all thirty values", classifier(ALL_VALUES).fit(seen, seen_labels)),
        "v3": (
            f"as v2, {FLIPPED_SHARE:.0%} of the training labels flipped",
            classifier(ALL_VALUES).fit(seen, with_flipped_labels(seen_labels, FLIPPED_SHARE)),
        ),
    }
    files = {version: onnx_bytes(model) for version, (_, model) in trained.items()}
    files["v4"] = files["v2"][: int(len(files["v2"]) * BROKEN_OFF_AT)]

    models: dict[str, Any] = {}
    for version, content in files.items():
        description, model = trained.get(version, ("v2's file, broken off in the upload", None))
        models[version] = {
            "file": f"{version}.onnx",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "description": description,
            "accuracy": None if model is None else float(model.score(unseen, unseen_labels)),
            # What scikit-learn itself says about the first unseen patients, to check the served model against.
            "expected": None if model is None else _expected(model, unseen[:5]),
        }
    patients = {
        "features": [[float(str(value)) for value in row] for row in unseen],  # the shortest digits of a float32
        "labels": unseen_labels.tolist(),
        "meaning": {"0": "malignant", "1": "benign"},
    }
    out.mkdir(parents=True, exist_ok=True)
    for version, content in files.items():
        (out / f"{version}.onnx").write_bytes(content)
    (out / "patients.json").write_text(json.dumps(patients))
    (out / "models.json").write_text(json.dumps(models, indent=2) + "\n")
    return models


def _expected(model: Pipeline, rows: np.ndarray) -> dict[str, Any]:
    return {"labels": model.predict(rows).tolist(), "probabilities": model.predict_proba(rows).tolist()}


def main() -> None:
    """Train, write, and print one line a version."""
    parser = argparse.ArgumentParser(description="Train the four breast-cancer models and export them to ONNX.")
    parser.add_argument("--out", type=Path, default=Path("build/quickstart/models"), help="folder to write into")
    out = parser.parse_args().out
    for version, model in train(out).items():
        accuracy = "cannot load" if model["accuracy"] is None else f"{model['accuracy']:.1%} right"
        print(f"{version}  {model['sha256'][:12]}  {model['bytes']:>5} bytes  {accuracy:<12}  {model['description']}")


if __name__ == "__main__":
    main()
