"""A revision: the hash of what makes a pod serve differently."""

import base64
import hashlib
import json

from serin_operator.api.spec import ModelDeploymentSpec

LENGTH = 10


def revision_of(spec: ModelDeploymentSpec) -> str:
    """Ten characters [a-z2-7] that stand for ``spec.model`` and ``spec.runtime``.

    Replicas, rollout and analysis are not part of it. Absent fields do not count, so that a field added to the API
    later changes no revision that exists.
    """
    content = {
        "model": spec.model.model_dump(by_alias=True, exclude_none=True, mode="json"),
        "runtime": spec.runtime.model_dump(by_alias=True, exclude_none=True, mode="json") if spec.runtime else {},
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:LENGTH]
