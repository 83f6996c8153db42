"""The example on disk: its trained and signed models, and its objects made ready for one cluster."""

from __future__ import annotations

import copy
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from quickstart.bucket import BUCKET, Bucket
from quickstart.commands import run
from quickstart.signing import Signer

NAMESPACE = "serin-quickstart"
NAME = "breast-cancer"
FOLDER = Path("examples/breast-cancer")


@dataclass(frozen=True, kw_only=True)
class Model:
    """One trained version."""

    version: str
    description: str
    accuracy: float
    """Share of right answers on the unseen half, by scikit-learn; what was exported need not answer the same."""
    expected: dict[str, Any]
    """What scikit-learn says about the first unseen patients."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """The example, trained into a folder."""

    root: Path
    """The repository."""
    out: Path
    """Where models and manifests were written."""
    models: dict[str, Model]
    images: Mapping[str, str]
    """What runs on this cluster in place of the images that the example names."""

    @classmethod
    def train(cls, root: Path, out: Path, images: Mapping[str, str]) -> Example:
        """Run `train.py`, as a person would."""
        run([sys.executable, root / FOLDER / "train.py", "--out", out / "models"])
        found = json.loads((out / "models" / "models.json").read_text())
        models = {
            version: Model(
                version=version,
                description=model["description"],
                accuracy=model["accuracy"],
                expected=model["expected"],
            )
            for version, model in found.items()
        }
        return cls(root=root, out=out, models=models, images=images)

    def sign(self, signer: Signer) -> None:
        """Put a signature beside every model."""
        for version in self.models:
            signer.sign(self.out / "models" / version)

    def files(self) -> list[Path]:
        """What goes into the bucket: a folder a version."""
        folders = [self.out / "models" / version for version in self.models]
        return sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())

    def home(self, bucket: Bucket, signer: Signer) -> list[dict[str, Any]]:
        """An S3 server in the cluster, what opens it, and whose models may be served."""
        keys = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "model-signers"}}
        return [bucket.secret(), keys | {"data": {"keys.pem": signer.public_key}}, *self._objects("bucket.yaml")]

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
        wanted["spec"]["model"] |= {"version": version, "uri": f"s3://{BUCKET}/{version}/"}
        path = self.out / f"{version}.yaml"
        path.write_text(yaml.safe_dump(wanted, sort_keys=False))
        return Path(os.path.relpath(path))

    def _objects(self, file: str) -> list[dict[str, Any]]:
        """The objects of one file, with this cluster's images."""
        objects = [found for found in yaml.safe_load_all((self.root / FOLDER / file).read_text()) if found]
        for found in objects:
            if found["kind"] == "Deployment":
                for container in found["spec"]["template"]["spec"]["containers"]:
                    container["image"] = self.images.get(container["image"], container["image"])
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
