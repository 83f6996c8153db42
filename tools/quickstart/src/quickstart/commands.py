"""Run kubectl, helm and the like, with errors that show what was said."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class CommandFailed(Exception):
    """A command ended badly; the message has the command and its last words."""


def run(command: Sequence[str | Path], *, stdin: str | None = None, timeout: float = 600) -> str:
    """Run a command to its end and return what it printed."""
    shown = " ".join(str(part) for part in command)
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise CommandFailed(f"{command[0]} is not installed ({shown})") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{shown}\n  did not end within {timeout:.0f} s") from error
    if done.returncode:
        last_words = (done.stderr or done.stdout).strip()[-2000:]
        raise CommandFailed(f"{shown}\n  ended with {done.returncode}: {last_words}")
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """kubectl against one cluster and, unless told otherwise, one namespace."""

    path: Path | str
    kubeconfig: Path | None
    """None: whatever kubectl itself would use."""
    namespace: str

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        config = [] if self.kubeconfig is None else [f"--kubeconfig={self.kubeconfig}"]
        return [str(self.path), *config, f"--namespace={self.namespace}", *arguments]

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run it."""
        return run(self.command(*arguments), stdin=stdin, timeout=timeout)

    def apply(self, *objects: dict[str, Any]) -> str:
        """Server-side apply: big ConfigMaps need no annotation."""
        wanted = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self(
            "apply", "--server-side", "--force-conflicts", "--field-manager=quickstart", "-f", "-", stdin=wanted
        )

    def get(self, *arguments: str) -> dict[str, Any] | None:
        """One object, or None when it does not exist."""
        found = self("get", *arguments, "--ignore-not-found", "-o", "json")
        return dict(json.loads(found)) if found.strip() else None

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """Host and port of this machine behind which a pod's port is, as long as the context lasts."""
        command = self.command("port-forward", target, f":{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                said = ""
                while not (found := re.search(r"127\.0\.0\.1:\d+", said)):
                    line = process.stdout.readline() if process.stdout else ""
                    if not line:
                        raise CommandFailed(f"{' '.join(command)}\n  said: {said.strip()}")
                    said += line
                yield found[0]
            finally:
                process.terminate()
