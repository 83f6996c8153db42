"""Cgroups of nodes, on both versions of the kernel's interface."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from localkube.errors import LocalKubeError

ROOT = Path("/sys/fs/cgroup")
_WANTED = ("cpu", "cpuset", "memory", "pids", "io", "hugetlb")
_REMOVE_SECONDS = 15.0


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Where a group must be made: the one unified hierarchy, or every one of version 1."""
    if (root / "cgroup.controllers").exists():
        return [root]
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.is_symlink())


def create(name: str, root: Path = ROOT) -> None:
    """Make the group that the kubelet puts all pods of a node under: it must exist in every hierarchy before it starts."""
    if (root / "cgroup.controllers").exists():
        _delegate(root)
    for hierarchy in hierarchies(root):
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in (
            "cpuset.cpus",
            "cpuset.mems",
        ):  # empty in a new group of version 1, and then nothing can run in it
            if hierarchy.name == "cpuset" and not (group / setting).read_text().strip():
                (group / setting).write_text((hierarchy / setting).read_text())
    if (root / "cgroup.controllers").exists():
        _delegate(root / name)


def remove(name: str, root: Path = ROOT) -> None:
    """Remove the group and all below it; its processes have been killed, but may take a moment to leave."""
    until = time.monotonic() + _REMOVE_SECONDS
    while left := [path for hierarchy in hierarchies(root) for path in _remove_tree(hierarchy / name)]:
        if time.monotonic() > until:
            raise LocalKubeError(
                f"cgroups stay: {', '.join(map(str, left[:5]))}", "processes in them (cgroup.procs) hang"
            )
        time.sleep(0.02)


def _remove_tree(group: Path) -> list[Path]:
    """Those groups that could not be removed."""
    left = []
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            Path(folder).rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            left.append(Path(folder))
    return left


def _delegate(group: Path) -> None:
    """Version 2: give every wanted controller to the group's children.

    In a container the group of our own processes is the root we see, and a group with processes cannot hand out
    controllers; then those processes move into a leaf, as Docker-in-Docker images do.
    """
    available = set((group / "cgroup.controllers").read_text().split())

    def enable() -> None:
        for controller in _WANTED:
            if controller in available:
                with contextlib.suppress(FileNotFoundError):
                    (group / "cgroup.subtree_control").write_text(f"+{controller}")

    _retry_with_empty_group(enable, group)


def _retry_with_empty_group(enable: Callable[[], None], group: Path) -> None:
    try:
        enable()
    except OSError:
        leaf = group / "localkube-host"
        leaf.mkdir(exist_ok=True)
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):  # ended meanwhile, or a kernel thread
                (leaf / "cgroup.procs").write_text(pid)
        enable()
