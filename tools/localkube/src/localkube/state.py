"""What is known about clusters between two runs: one folder a cluster, on tmpfs where there is room.

On tmpfs because a control plane writes much and means none of it to last; `down` takes half a second there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path

from localkube.addresses import AddressPlan, free_plan
from localkube.cache import locked
from localkube.errors import LocalKubeError
from localkube.processes import ProcessId, is_alive

_TMPFS = Path("/dev/shm/localkube")
_DISK = Path("/var/tmp/localkube")
_TMPFS_LEAST_BYTES = 2 << 30
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Record:
    """What `up` decided, in `cluster.json`."""

    name: str
    index: int
    nodes: int
    bin_path: str
    """Folders of the Kubernetes programs, joined by colons."""
    owner: ProcessId | None
    """A process whose end makes the cluster an orphan (a test session); None for clusters that stay."""

    @property
    def plan(self) -> AddressPlan:
        """Its addresses."""
        return AddressPlan(self.index)

    @property
    def is_orphan(self) -> bool:
        """Whether nobody will ever end it."""
        return self.owner is not None and not is_alive(self.owner)


def state_root(environment: Mapping[str, str] = os.environ) -> Path:
    """Folder of all clusters: `$LOCALKUBE_STATE`, else on tmpfs, else (less than 2 GiB there) on disk."""
    if chosen := environment.get("LOCALKUBE_STATE"):
        return Path(chosen).expanduser()
    if _DISK.exists():
        return _DISK  # once chosen, it stays: all clusters must see one another's claims
    shm = _TMPFS.parent
    is_roomy = shm.is_dir() and shutil.disk_usage(shm).total >= _TMPFS_LEAST_BYTES
    return _TMPFS if is_roomy else _DISK


def folder_of(name: str) -> Path:
    """The folder of the cluster with this name, whether it exists or not."""
    if not _NAME.fullmatch(name):
        raise LocalKubeError(
            f"{name!r} cannot name a cluster", "use up to 40 lower-case letters, digits and inner hyphens"
        )
    return state_root() / name


def read(name: str) -> Record | None:
    """The record of a cluster, None when there is none."""
    try:
        content = json.loads((folder_of(name) / "cluster.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    owner = content.pop("owner")
    return Record(**content, owner=ProcessId(**owner) if owner else None)


def all_records() -> list[Record]:
    """Every cluster on this machine."""
    files = sorted(state_root().glob("*/cluster.json"))
    return [record for file in files if (record := read(file.parent.name))]


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """One command at a time on one cluster."""
    folder_of(name)
    _make_root()
    with locked(state_root() / f".{name}.lock"):
        yield


def claim(name: str, nodes: int, bin_path: str, owner: ProcessId | None, routed: list[IPv4Network]) -> Record:
    """Write down a new cluster under the first free index; the claim is its folder, so it is given back with it."""
    _make_root()
    with locked(state_root() / ".claims.lock"):
        others = all_records()
        plan = free_plan((record.index for record in others), routed)
        if plan is None:
            raise LocalKubeError(
                f"no address range is free ({len(others)} clusters are up)",
                "`localkube status --all` lists them, `localkube down --name NAME` ends one",
            )
        record = Record(name, plan.index, nodes, bin_path, owner)
        folder = folder_of(name)
        folder.mkdir(mode=0o700, parents=True)
        (folder / "cluster.json").write_text(json.dumps(asdict(record), indent=1))
    return record


def forget(name: str) -> None:
    """Remove the lock of a cluster that is gone, and with the last one the root. Called with that lock held."""
    root = state_root()
    (root / f".{name}.lock").unlink(missing_ok=True)
    with locked(root / ".claims.lock"), contextlib.suppress(OSError):
        if {path.name for path in root.iterdir()} == {".claims.lock"}:
            (root / ".claims.lock").unlink()
            root.rmdir()


def _make_root() -> None:
    state_root().mkdir(mode=0o700, parents=True, exist_ok=True)
