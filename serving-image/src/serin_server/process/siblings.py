"""What the processes of one server know of one another."""

import mmap
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HURRY: Final = signal.SIGUSR1
"""Tells a worker to leave at once: a sibling has died."""


@dataclass(frozen=True, slots=True)
class Siblings:
    """What a process knows of the others that share its ports: one byte each in common memory says who is ready."""

    started_at: float
    ready: mmap.mmap
    number: int
    metrics_socket: Path
    parent: int
    """A pipe that ends when the parent does, however it does."""

    def are_ready(self) -> bool:
        """Whether all are."""
        return 0 not in self.ready[:]
