"""Let krew itself install kubectl serin from the archive that `make krew` has packed, into a folder that goes again.

``python try_krew.py dist`` builds krew with Go (a minute, the first time), installs the plugin offline and runs it as
kubectl would.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

KREW = "sigs.k8s.io/krew/cmd/krew@v0.4.3"


def main(dist: str) -> None:
    """Raises `CalledProcessError` where krew refuses it, or what it installed does not run."""
    folder = Path(dist).resolve()
    with tempfile.TemporaryDirectory(prefix="krew-") as scratch:
        programs = Path(scratch, "bin")
        go = {**os.environ, "GOBIN": str(programs), "GOFLAGS": "-trimpath", "CGO_ENABLED": "0"}
        subprocess.run(["go", "install", KREW], env=go, check=True)
        krew = {**os.environ, "KREW_ROOT": f"{scratch}/krew", "KREW_NO_UPGRADE_CHECK": "1"}
        command = [str(programs / "krew"), "install"]
        command += [f"--manifest={folder / 'serin.yaml'}", f"--archive={folder / 'kubectl-serin.tar.gz'}"]
        subprocess.run(command, env=krew, check=True)
        installed = Path(scratch, "krew/bin/kubectl-serin")
        done = subprocess.run([str(installed), "--help"], check=True, capture_output=True, text=True)
        sys.stdout.write(f"krew has installed it, and it runs: {done.stdout.splitlines()[0]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
