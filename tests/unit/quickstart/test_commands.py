import stat
from pathlib import Path

import pytest

from quickstart.commands import CommandFailed, Kubectl


def a_kubectl(tmp_path: Path, script: str) -> Kubectl:
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return Kubectl(path=program, kubeconfig=None, namespace="x")


def test_a_port_that_is_forwarded_has_an_address_and_is_closed_afterwards(tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/pid; echo a warning; echo 'Forwarding from 127.0.0.1:40123 -> 7070'; exec sleep 60"
    with a_kubectl(tmp_path, script).forwarded("deployment/bucket", 7070) as address:
        assert address == "127.0.0.1:40123"
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()


def test_what_cannot_be_forwarded_is_told_in_the_words_of_kubectl(tmp_path: Path) -> None:
    kubectl = a_kubectl(tmp_path, "echo 'error: deployments.apps \"bucket\" not found' >&2; exit 1")
    with pytest.raises(CommandFailed, match='"bucket" not found'), kubectl.forwarded("deployment/bucket", 7070):
        pass
