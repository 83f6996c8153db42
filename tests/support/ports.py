"""Ports for programs that have to be told one.

A port that was free a moment ago is not free for ever: the kernel gives it to the next connection that goes out, and
another test may have found it as well. So these lie outside of the range that the kernel picks from, and each is lent
to one process of tests at a time.
"""

import fcntl
import itertools
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

FIRST: Final = 15_000
KERNELS_OWN: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")

_lent: Final[list[TextIO]] = []  # a lock is held while its file is open: until this process ends


def free_port() -> int:
    """A port that nobody listens on, in no family, and that no other test gets."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """So many of them."""
    return list(itertools.islice(_free(), count))


def _free() -> Iterator[int]:
    ports = list(range(FIRST, _first_of_the_kernel()))
    random.SystemRandom().shuffle(ports)
    yield from (port for port in ports if _is_lent_to_us(port) and _nobody_listens(port))


def _first_of_the_kernel() -> int:
    first = int(KERNELS_OWN.read_text().split()[0]) if KERNELS_OWN.exists() else 0
    return first if first > FIRST else 32_768


def _is_lent_to_us(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"serin-tests-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(port)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    _lent.append(lock)
    return True


def _nobody_listens(port: int) -> bool:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        socket.create_server(("", port), family=family, dualstack_ipv6=both).close()
    except OSError:
        return False
    return True
