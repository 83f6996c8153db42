"""Artifacts of OCI registries as ModelPack, KitOps and ORAS make them: blobs and a manifest, pushed or put on pages."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MODELPACK = "application/vnd.cncf.model"
KIT = "application/vnd.kitops.modelkit"


@dataclass(frozen=True)
class Layer:
    """One layer."""

    kind: str
    content: bytes
    annotations: Mapping[str, str]


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def raw(content: bytes, path: str = "model.onnx", part: str = "weight") -> Layer:
    """A file as ModelPack keeps it, unpacked."""
    return Layer(f"{MODELPACK}.{part}.v1.raw", content, {"org.cncf.model.filepath": path})


def packed(kind: str, files: Mapping[str, bytes], *, zipped: bool = True, **annotations: str) -> Layer:
    """A tar of files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    content = gzip.compress(buffer.getvalue(), mtime=0) if zipped else buffer.getvalue()
    return Layer(kind, content, annotations)


def manifest_of(layers: Sequence[Layer], config: str = f"{MODELPACK}.config.v1+json") -> tuple[bytes, bytes]:
    """The manifest of layers, and its configuration."""
    empty = b"{}"
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": config, "digest": digest_of(empty), "size": len(empty)},
        "layers": [
            {
                "mediaType": l.kind,
                "digest": digest_of(l.content),
                "size": len(l.content),
                "annotations": dict(l.annotations),
            }
            for l in layers
        ],
    }
    return json.dumps(manifest).encode(), empty
