"""The operator as a process of its own, on this machine, against a cluster for tests."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.forked import Forked, preload
from tests.support.kubernetes import Kubernetes
from tests.support.ports import free_port

from serin_operator.runtime.main import main

CRD = Path("crds/serin.dev_modeldeployments.yaml")


def install_crd(kubernetes: Kubernetes) -> None:
    """Make ModelDeployments known, and wait until they are."""
    kubernetes.apply(CRD.read_text())
    established = ("wait", "--for=condition=Established", "crd/modeldeployments.serin.dev", "--timeout=20s")
    kubernetes.wait_for("the CRD", lambda: kubernetes.kubectl(*established))  # kubectl trips over one that is too new


preload("serin_operator.runtime.main")


def _started(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        program = Path(sys.executable).with_name("serin-operator")
        return subprocess.Popen([program], env=environment, stdout=output, stderr=output)


class OperatorProcess:
    """One replica, started as its image starts it or, sooner, forked. `settings` are those of the operator, without the prefix."""

    def __init__(self, kubernetes: Kubernetes, log: Path, *, forked: bool = False, **settings: str) -> None:
        self.port = free_port()
        self.log = log
        environment = {
            **{key: value for key, value in kubernetes.environment.items() if not key.startswith("SERIN_")},
            "SERIN_PORT": str(self.port),
            "SERIN_LOG_FORMAT": "console",
            **{f"SERIN_{key}": value for key, value in settings.items()},
        }
        self._process = Forked(main, environment, log) if forked else _started(environment, log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs."""
        return self._process.poll()

    def page(self, path: str) -> str:
        """A page of its little web server; an AssertionError (`not yet`) when it does not answer 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error
        except OSError as error:
            raise AssertionError(f"{path}: {error}") from error

    def metric(self, name: str) -> float:
        """The value of a metric (with its labels, as Prometheus writes them)."""
        lines = (line.rsplit(" ", 1) for line in self.page("/metrics").splitlines() if not line.startswith("#"))
        return next((float(value) for series, value in lines if series == name), 0.0)

    def is_leading(self) -> bool:
        """Whether it says that it holds the lease."""
        return self.metric("serin_operator_leader") == 1.0

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing given back."""
        self._process.kill()
        self._process.wait(10)

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM, as Kubernetes does; returns the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def memory_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_seconds(self) -> float:
        """CPU time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def cpu_share(self, seconds: float) -> float:
        """Share of one core over the coming seconds."""
        begun, used = time.monotonic(), self.cpu_seconds()
        time.sleep(seconds)  # a measurement lasts as long as it lasts
        return (self.cpu_seconds() - used) / (time.monotonic() - begun)
