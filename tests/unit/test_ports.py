"""Ports that tests lend to programs: nobody else gets one in between."""

import socket
import subprocess
import sys

import pytest
from tests.support.ports import KERNELS_OWN, free_port, free_ports

ANOTHER = "from tests.support.ports import free_ports; print(*free_ports(200))"


@pytest.mark.slow
def test_no_two_processes_of_tests_get_the_same_port():
    ours = free_ports(200)
    theirs = subprocess.run([sys.executable, "-c", ANOTHER], capture_output=True, text=True, check=True).stdout.split()
    assert len({*ours, *map(int, theirs)}) == 400


def test_no_connection_that_goes_out_gets_one():
    first, last = map(int, KERNELS_OWN.read_text().split())
    assert not any(first <= port <= last for port in free_ports(100))


def test_one_that_somebody_listens_on_is_not_lent(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("tests.support.ports.FIRST", port)
        monkeypatch.setattr("tests.support.ports._first_of_the_kernel", lambda: port + 50)
        assert port < free_port() < port + 50
