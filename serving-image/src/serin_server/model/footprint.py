"""What a process needs of memory, and how much of it its container leaves, as the kernel tells."""

from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")
_CGROUP: Final = Path("/sys/fs/cgroup")
_MEMINFO: Final = Path("/proc/meminfo")


def forget_peak() -> None:
    """From now on the peak is of what comes; where the kernel does not allow it, it stays that of the whole life."""
    try:
        _CLEAR_REFS.write_text("5")  # proc_pid_clear_refs(5): resets VmHWM
    except OSError:
        return


def peak_bytes() -> int:
    """The most memory that was resident (VmHWM); 0 where nothing tells."""
    return _kibibytes(_STATUS, "VmHWM") * 1024


def room_bytes(cgroup: Path = _CGROUP) -> int:
    """How much more memory this process may take: by the limit of its container, else by the machine.

    Pages of files that were read long ago (`inactive_file`) are given back when somebody needs them, and count as free.
    """
    free = _kibibytes(_MEMINFO, "MemAvailable") * 1024
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        if limit == "max":
            return free
        used = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return max(0, min(free, int(limit) - used + int(stat.get("inactive_file", 0))))
    except (OSError, ValueError):
        return free


def _kibibytes(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
