"""Kubeconfig files with everything inside, so that a file can be copied anywhere."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml


def kubeconfig(pki: Path, server: str, user: str, context: str) -> dict[str, Any]:
    """How `user` (the name of its certificate file) reaches the API server."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
        "clusters": [
            {"name": context, "cluster": {"server": server, "certificate-authority-data": _data(pki / "ca.crt")}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _data(pki / f"{user}.crt"),
                    "client-key-data": _data(pki / f"{user}.key"),
                },
            }
        ],
    }


def write_kubeconfig(target: Path, pki: Path, server: str, user: str, context: str) -> None:
    """Write it for the owner's eyes only."""
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(kubeconfig(pki, server, user, context), sort_keys=False))


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
