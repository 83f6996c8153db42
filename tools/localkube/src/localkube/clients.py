"""kubectl and Helm on a cluster, with caches of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from localkube.binaries.bundles import helm
from localkube.binaries.find import programs_folder
from localkube.cache import cache_folder
from localkube.debian import SYSTEM_PATH
from localkube.errors import LocalKubeError
from localkube.reporting import Reporter

_CACHES = {"KUBECACHEDIR": "kubectl", "HELM_CACHE_HOME": "helm", "HELM_CONFIG_HOME": "helm", "HELM_DATA_HOME": "helm"}


class Clients:
    """Runs programs against the cluster in `folder`."""

    def __init__(self, folder: Path, bin_path: str, report: Reporter) -> None:
        self._folder = folder
        self._bin_path = bin_path
        self._report = report

    def environment(self) -> dict[str, str]:
        """This process's environment with KUBECONFIG set, kubectl and Helm first on PATH, and caches of its own.

        kubectl and Helm cache by address what a server offers, and the next cluster at this address is another one.
        """
        folders = [self._bin_path, str(cache_folder() / "bin" / helm().folder_name)]
        return {
            **os.environ,
            "KUBECONFIG": f"{self._folder}/kubeconfig",
            "PATH": ":".join([*folders, os.environ.get("PATH", SYSTEM_PATH)]),
            **{variable: f"{self._folder}/client-cache/{name}" for variable, name in _CACHES.items()},
        }

    def kubectl(self, arguments: tuple[str, ...], text: str | None, *, check: bool) -> str:
        """Output of kubectl."""
        return self._run("kubectl", Path(self._bin_path), arguments, text, check=check)

    def helm(self, arguments: tuple[str, ...], text: str | None, *, check: bool) -> str:
        """Output of Helm, which is fetched or built on first use."""
        return self._run("helm", programs_folder(helm(), ["helm"], self._report), arguments, text, check=check)

    def _run(self, program: str, folder: Path, arguments: tuple[str, ...], text: str | None, *, check: bool) -> str:
        command = [str(folder / program), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=self.environment())
        if check and done.returncode:
            raise LocalKubeError(f"{program} {' '.join(arguments)} failed:\n{(done.stderr or done.stdout).strip()}")
        return done.stdout
