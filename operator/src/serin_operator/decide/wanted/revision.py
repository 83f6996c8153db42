"""A revision: the hash of what makes a pod serve differently."""

import base64
import hashlib
import json
from typing import Any

from serin_operator.api.prediction_log import PART_OF_REVISION
from serin_operator.api.spec import ModelDeploymentSpec

LENGTH = 10


def revision_of(spec: ModelDeploymentSpec) -> str:
    """Ten characters [a-z2-7] that stand for ``spec.model``, ``spec.runtime``, ``spec.serving`` and what pods log.

    Replicas, rollout and analysis are not part of it, nor whose signature the model needs or where it is
    kept: the same bytes are served. Which variants are tried is a part: other bytes may be. Absent fields do not count, so that a field added to the API
    later changes no revision that exists.
    """
    runtime = spec.runtime.model_dump(by_alias=True, exclude_none=True, mode="json") if spec.runtime else {}
    if pod := _said(runtime.pop("pod", {})):
        runtime["pod"] = pod
    content = {
        "model": spec.model.model_dump(by_alias=True, exclude_none=True, exclude={"verify", "store"}, mode="json"),
        "runtime": runtime,
    }
    if spec.serving and (serving := _said(spec.serving.model_dump(by_alias=True, exclude_none=True, mode="json"))):
        content["serving"] = serving
    if spec.prediction_log:
        content["predictionLog"] = spec.prediction_log.model_dump(
            by_alias=True, exclude_none=True, include=set(PART_OF_REVISION), mode="json"
        )
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:LENGTH]


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the objects that say nothing: ``limits: {}`` is as good as no limits."""
    inner = {key: _said(value) if isinstance(value, dict) else value for key, value in fields.items()}
    return {key: value for key, value in inner.items() if value != {}}
