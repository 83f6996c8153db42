"""SIGTERM ends a server from its first moment on, also as the first process of a container."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.serving import wait_for

IGNORES = "import os, signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
"""The first process of a container gets no signal that it does not handle: as one that is ignored."""


def handles_sigterm(process: subprocess.Popen[bytes]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1) or process.poll() is not None


@pytest.mark.parametrize("command", ["serve", "resolve"])
def test_a_signal_in_the_first_moment_is_not_lost(tmp_path: Path, command: str) -> None:
    fifo = tmp_path / "model.onnx"
    fifo.touch()
    server = [sys.executable, "-m", "serin_server.cli", command, "--model", str(fifo), "--http-port", "0"]
    more = ["--grpc-port", "0", "--metrics-port", "0", "--termination-log", str(tmp_path / "words")]
    process = subprocess.Popen([sys.executable, "-c", IGNORES, *server, *more], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: handles_sigterm(process))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
    finally:
        process.kill()
