"""The example on disk: its trained models, and its objects made ready for one cluster."""

from __future__ import annotations

import base64
import copy
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quickstart.commands import run

NAMESPACE = "serin-quickstart"
NAME = "breast-cancer"
FOLDER = Path("examples/breast-cancer")


@dataclass(frozen=True, kw_only=True)
class Model:
    """One trained version."""

    version: str
    file: str
    sha256: str
    description: str
    accuracy: float | None
    """Share of right answers on the unseen half; None: it cannot even be loaded."""
    expected: dict[str, Any] | None
    """What scikit-learn says about the first unseen patients."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """The example, trained into a folder."""

    root: Path
    """The repository."""
    out: Path
    """Where models and manifests were written."""
    models: dict[str, Model]
    serving_image: str

    @classmethod
    def train(cls, root: Path, out: Path, serving_image: str) -> Example:
        """Run `train.py`, as a person would."""
        run([sys.executable, root / FOLDER / "train.py", "--out", out / "models"])
        found = json.loads((out / "models" / "models.json").read_text())
        models = {
            version: Model(
                version=version,
                file=model["file"],
                sha256=model["sha256"],
                description=model["description"],
                accuracy=model["accuracy"],
                expected=model["expected"],
            )
            for version, model in found.items()
        }
        return cls(root=root, out=out, models=models, serving_image=serving_image)

    def model_store(self) -> list[dict[str, Any]]:
        """A web server with the four files in the cluster."""
        files = {
            model.file: base64.b64encode((self.out / "models" / model.file).read_bytes()).decode()
            for model in self.models.values()
        }
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "models"}, "binaryData": files}
        return [config, *self._objects("model-store.yaml")]

    def traffic(self) -> list[dict[str, Any]]:
        """The clients, with their patients."""
        texts = {
            "traffic.py": (self.root / FOLDER / "traffic.py").read_text(),
            "predict.py": (self.root / FOLDER / "predict.py").read_text(),
            "patients.json": (self.out / "models" / "patients.json").read_text(),
        }
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "traffic"}, "data": texts}
        return [config, *self._objects("traffic.yaml")]

    def manifest(self, version: str) -> Path:
        """Write the ModelDeployment of one version, to be applied as it is."""
        (deployment,) = self._objects("modeldeployment.yaml")
        wanted = copy.deepcopy(deployment)
        model = self.models[version]
        wanted["spec"]["model"] = {
            "version": version,
            "uri": f"http://models.{NAMESPACE}.svc/{model.file}",
            "sha256": model.sha256,
        }
        path = self.out / f"{version}.yaml"
        path.write_text(yaml.safe_dump(wanted, sort_keys=False))
        return Path(os.path.relpath(path))

    def _objects(self, file: str) -> list[dict[str, Any]]:
        """The objects of one file, with this cluster's image."""
        objects = [found for found in yaml.safe_load_all((self.root / FOLDER / file).read_text()) if found]
        for found in objects:
            if found["kind"] == "Deployment":
                for container in found["spec"]["template"]["spec"]["containers"]:
                    container["image"] = self.serving_image
        return objects


def disagreements(prediction: dict[str, Any], expected: dict[str, Any], tolerance: float = 1e-5) -> list[str]:
    """Where a served prediction differs from scikit-learn's own; nothing when they agree."""
    outputs = {output["name"]: output["data"] for output in prediction["outputs"]}
    probabilities = [value for row in expected["probabilities"] for value in row]
    differences = []
    if outputs["label"] != expected["labels"]:
        differences.append(f"labels: served {outputs['label']}, scikit-learn {expected['labels']}")
    worst = max(abs(a - b) for a, b in zip(outputs["probabilities"], probabilities, strict=True))
    if worst > tolerance:
        differences.append(f"probabilities differ by up to {worst:.2g}")
    return differences
