"""Pid 1 of a sandbox: sets the inside up, then starts and stops programs as it is told over a Unix socket.

Run as `python -m localkube.sandbox.init FOLDER` by `unshare`. When this process ends, the kernel ends every process of
the sandbox, and with them go its mounts, links and firewall rules. Standard library only: it starts in milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SOCKET = "control.sock"
SETUP = "setup.json"


def set_up(setup: dict[str, Any]) -> None:
    """Mounts and kernel settings of the inside; `setup` is what `Sandbox` wrote."""
    # The kubelet wants shared propagation. `unshare` has cut this mount namespace off from the host's already.
    _run("mount", "--make-rshared", "/")
    for target in setup["tmpfs"]:
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", target)
    for target, folder in setup["overlays"].items():
        for part in ("upper", "work"):
            Path(folder, part).mkdir(parents=True, exist_ok=True)
        options = f"lowerdir={target},upperdir={folder}/upper,workdir={folder}/work"
        _run("mount", "-t", "overlay", "-o", options, "overlay", target)
    for folder in setup["folders"]:
        Path(folder).mkdir(parents=True, exist_ok=True)
    _run("ip", "link", "set", "lo", "up")
    for key, value in setup["sysctls"].items():
        with contextlib.suppress(FileNotFoundError):  # a kernel module that is not there
            Path("/proc/sys", key).write_text(value)


class Init:
    """Starts, stops and reaps programs."""

    def __init__(self, folder: Path) -> None:
        self._logs = folder / "log"
        self._logs.mkdir(exist_ok=True)
        self.running: dict[str, int] = {}
        self.ended: dict[str, int] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked: `start`, `stop` or `list`."""
        match request["do"]:
            case "start":
                return {"pid": self.start(request["name"], request["command"], request["environment"])}
            case "stop":
                return {"killed": self.stop(request["name"], request["seconds"])}
            case "list":
                self.reap()
                return {"running": self.running, "ended": self.ended}
        return {"error": f"unknown request {request['do']!r}"}

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> int:
        """Start a program with its output in `log/<name>.log`; a running one is left alone."""
        if name in self.running:
            return self.running[name]
        self.ended.pop(name, None)
        with (self._logs / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process.returncode = 0  # `reap` collects it, Popen must not
        self.running[name] = process.pid
        return process.pid

    def stop(self, name: str, seconds: float) -> bool:
        """SIGTERM, then after `seconds` SIGKILL; True when it needed the latter."""
        until, killed = time.monotonic() + seconds, False
        if name in self.running:
            os.kill(self.running[name], signal.SIGTERM)
        while name in self.running:
            self.reap()
            if name in self.running and not killed and time.monotonic() > until:
                os.kill(self.running[name], signal.SIGKILL)
                killed = True
            time.sleep(0.01)
        self.ended.pop(name, None)  # it was asked to
        return killed

    def reap(self) -> None:
        """Collect every child that ended, orphans of others too: that is what pid 1 is for."""
        names = {pid: name for name, pid in self.running.items()}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid in names:
                    del self.running[names[pid]]
                    self.ended[names[pid]] = os.waitstatus_to_exitcode(status)


def serve(init: Init, listener: socket.socket) -> None:
    """Answer one JSON line a connection, for ever; a child's end wakes the loop through a pipe."""
    wake, write_end = os.pipe()
    for end in (wake, write_end):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    while True:
        readable, _, _ = select.select([listener.fileno(), wake], [], [])
        if wake in readable:
            os.read(wake, 4096)
            init.reap()
        if listener.fileno() in readable:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as stream:
                answer: dict[str, Any]
                try:
                    answer = init.answer(json.loads(stream.readline()))
                except (OSError, ValueError, KeyError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                with contextlib.suppress(OSError):
                    stream.write(json.dumps(answer) + "\n")
                    stream.flush()


def main() -> None:
    """Set up, then say so by listening."""
    folder = Path(sys.argv[1])
    set_up(json.loads((folder / SETUP).read_text()))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{folder}/{SOCKET}.new")
    listener.listen(64)
    Path(f"{folder}/{SOCKET}.new").rename(folder / SOCKET)  # who sees the socket can connect
    serve(Init(folder), listener)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
