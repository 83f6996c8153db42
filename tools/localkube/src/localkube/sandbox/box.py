"""The outside of a sandbox: make it, give orders to its pid 1, end it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from localkube.debian import SYSTEM_PATH
from localkube.errors import LocalKubeError
from localkube.processes import ProcessId, end, identify, is_alive
from localkube.sandbox.init import SETUP, SOCKET

_START_SECONDS = 20.0
_ANSWER_SECONDS = 60.0


@dataclass(frozen=True)
class Sandbox:
    """A sandbox whose state is in `folder`."""

    name: str
    folder: Path

    def start(self, *, runs_containers: bool) -> int:
        """Make the namespaces, wait until pid 1 takes orders; its pid as the host sees it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / SETUP).write_text(json.dumps(inside(self.folder, runs_containers=runs_containers)))
        flags = ["--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        with (self.folder / "init.log").open("w") as log:
            outer = subprocess.Popen(
                ["unshare", *flags, sys.executable, "-m", "localkube.sandbox.init", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PATH": SYSTEM_PATH},
            )
        until = time.monotonic() + _START_SECONDS
        while not (self.folder / SOCKET).exists():
            if outer.poll() is not None or time.monotonic() > until:
                raise LocalKubeError(
                    f"the sandbox {self.name} did not start:\n{(self.folder / 'init.log').read_text()[-1500:]}",
                    "localkube needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN (in a container: --privileged)",
                )
            time.sleep(0.005)
        inner = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        processes = [identity for pid in (outer.pid, inner) if (identity := identify(pid))]
        (self.folder / "processes.json").write_text(json.dumps([asdict(process) for process in processes]))
        return inner

    @property
    def _processes(self) -> list[ProcessId]:
        try:
            content = json.loads((self.folder / "processes.json").read_text())
        except FileNotFoundError:
            return []
        return [ProcessId(**process) for process in content]

    @property
    def pid(self) -> int | None:
        """Pid 1 of the sandbox as the host sees it; None when it does not run."""
        processes = self._processes
        return processes[-1].pid if processes and all(map(is_alive, processes)) else None

    def start_program(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Start a program unless it runs."""
        self._ask({"do": "start", "name": name, "command": command, "environment": dict(environment)})

    def stop_program(self, name: str, seconds: float) -> None:
        """Stop a program and wait for its end; SIGKILL after `seconds`."""
        self._ask({"do": "stop", "name": name, "seconds": seconds})

    def programs(self) -> tuple[dict[str, int], dict[str, int]]:
        """What runs (name to pid inside) and what has ended (name to exit code, minus the signal)."""
        answer = self._ask({"do": "list"})
        return answer["running"], answer["ended"]

    def log_end(self, program: str, characters: int = 1200) -> str:
        """The last of what a program wrote."""
        try:
            return (self.folder / "log" / f"{program}.log").read_text(errors="replace")[-characters:]
        except FileNotFoundError:
            return ""

    def command_inside(self, *command: str) -> list[str]:
        """A command line that runs `command` inside all namespaces of the sandbox."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--ipc", "--pid", *command]

    def end(self) -> None:
        """Kill exactly this sandbox and wait until it is gone; nothing to do when it is."""
        for process in self._processes:
            if not end(process):
                raise LocalKubeError(
                    f"process {process.pid} of sandbox {self.name} does not end", "see its /proc/…/stack"
                )
        (self.folder / SOCKET).unlink(missing_ok=True)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.pid is None:
            raise LocalKubeError(
                f"the sandbox {self.name} does not run", "start it: `localkube start-node` or `localkube up`"
            )
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(str(self.folder / SOCKET))
            with connection.makefile("rw") as stream:
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer: dict[str, Any] = json.loads(stream.readline())
        if "error" in answer:
            raise LocalKubeError(f"{self.name}: {request.get('name', request['do'])}: {answer['error']}")
        return answer


def inside(folder: Path, *, runs_containers: bool) -> dict[str, Any]:
    """How the inside differs from the host, for pid 1 to set up.

    /run is private in every sandbox (lock files, network namespaces of pods). A node also writes to /var/lib/cni,
    /var/log/pods and /var/log/containers, whose paths are fixed in containerd and kubelet; an overlay keeps what the host
    has under /var/lib visible (hostPath volumes) and what the node writes out of it.
    """
    setup: dict[str, Any] = {"tmpfs": ["/run"], "overlays": {}, "folders": [], "sysctls": {"net/ipv4/ip_forward": "1"}}
    if runs_containers:
        setup["tmpfs"].append("/var/log")
        setup["overlays"]["/var/lib"] = f"{folder}/var-lib"
        setup["folders"] += ["/var/log/pods", "/var/log/containers", "/var/lib/cni"]
        setup["sysctls"]["net/bridge/bridge-nf-call-iptables"] = "1"
    return setup
