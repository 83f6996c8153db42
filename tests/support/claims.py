"""Claims for pods of a cluster on this machine, whose content the test sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.serin import Space


def a_claim(space: Space, folder: Path) -> None:
    """A claim `kept` that pods of every node may write to: a folder of this machine, which all nodes see."""
    if space.kubernetes.local is None:
        pytest.skip("another machine's files")
    folder.chmod(0o777)
    for above in (folder.parent, folder.parent.parent):
        above.chmod(0o755)
    size = {"storage": "1Mi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{space.namespace}-kept"},
        "spec": {
            **common,
            "capacity": size,
            "claimRef": {"namespace": space.namespace, "name": "kept"},
            "hostPath": {"path": str(folder)},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": space.namespace},
        "spec": {**common, "volumeName": f"{space.namespace}-kept", "resources": {"requests": size}},
    }
    space.kubernetes.apply(volume, claim)


def forget_claim(space: Space) -> None:
    """Its volume belongs to no namespace."""
    space.kubernetes.kubectl("delete", "persistentvolume", f"{space.namespace}-kept", "--wait=false")
