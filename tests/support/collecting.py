"""A collector under test, started as people start it."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.serving import wait_for


class Collecting:
    """A `serin-collector` that can be killed and started again on its spool."""

    def __init__(self, folder: Path, store: str, environment: Mapping[str, str] | None = None, **flags: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "collector.log"
        self._environment = {"PATH": "/usr/bin:/bin", **(environment or {})}
        given = {"store": store, "spool": folder / "spool", "host": "127.0.0.1", "port": self.port, **flags}
        self._flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it, and waits until it takes batches."""
        command = [sys.executable, "-m", "serin_server.collector.cli", *self._flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        wait_for(self._is_ready, 60)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def get(self, path: str) -> tuple[int, bytes]:
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return answer.status, answer.read()

    def post(self, body: bytes, key: str = "", path: str = "/v1/batches") -> tuple[int, dict[str, object]]:
        """Raises `OSError` where no answer comes."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(self.address + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def metric(self, name: str) -> float:
        """The sum of a metric's samples whose line begins so."""
        lines = self.get("/metrics")[1].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))
