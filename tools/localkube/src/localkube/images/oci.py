"""Write an image archive from files, without a builder: the same input gives the same bytes.

The archive is an OCI layout that is also a docker-archive, so that containerd, Docker, Podman and Buildah all read it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What goes in. All files belong to root and are from 1970."""

    reference: str
    architecture: str
    programs: Mapping[str, Path]
    """Path in the image (without the leading slash) -> executable file on this machine."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Path in the image -> target of a symbolic link."""
    folders: tuple[str, ...] = ()
    """Folders that anyone may write to."""
    entrypoint: tuple[str, ...] = ()
    user: str = "0:0"


def write_archive(image: Image, target: Path) -> None:
    """Write the archive to `target`, whole or not at all."""
    layer = _layer(image)
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = _json(_config(image, layer_digest))
    config_digest = hashlib.sha256(config).hexdigest()
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    entry = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    tag = image.reference.rpartition(":")[2]
    entry["annotations"] = {"io.containerd.image.name": image.reference, "org.opencontainers.image.ref.name": tag}
    for_docker = {
        "Config": f"blobs/sha256/{config_digest}",
        "RepoTags": [image.reference],
        "Layers": [f"blobs/sha256/{layer_digest}"],
    }
    members = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": [entry]}),
        "manifest.json": _json([for_docker]),
        f"blobs/sha256/{hashlib.sha256(manifest).hexdigest()}": manifest,
        f"blobs/sha256/{config_digest}": config,
        f"blobs/sha256/{layer_digest}": layer,
    }
    partial = target.with_name(f"{target.name}.partial")
    with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            tar.addfile(_member(name, size=len(content)), io.BytesIO(content))
    partial.rename(target)


def _layer(image: Image) -> bytes:
    """Uncompressed: bigger on disk, much quicker to make and to unpack."""
    stream = io.BytesIO()
    files = {*image.programs, *image.links}
    parents = {str(parent) for file in (*files, *image.folders) for parent in Path(file).parents} - {"."}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in sorted(parents | set(image.folders)):
            mode = 0o1777 if folder in image.folders else 0o755
            tar.addfile(_member(folder, kind=tarfile.DIRTYPE, mode=mode))
        for path in sorted(files):
            if path in image.links:
                link = _member(path, kind=tarfile.SYMTYPE)
                link.linkname = image.links[path]
                tar.addfile(link)
            else:
                content = image.programs[path].read_bytes()
                tar.addfile(_member(path, size=len(content)), io.BytesIO(content))
    return stream.getvalue()


def _member(name: str, *, size: int = 0, kind: bytes = tarfile.REGTYPE, mode: int = 0o755) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.mode = size, kind, mode
    return member


def _config(image: Image, layer_digest: str) -> dict[str, Any]:
    return {
        "architecture": image.architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Env": [_PATH], "Entrypoint": list(image.entrypoint), "User": image.user, "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "localkube"}],
    }


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _json(value: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps(value, sort_keys=True).encode()
