"""How long work shows that it is alive: lines with the time since the start, and bars for downloads and builds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[[int, str], None]
"""Called with the count so far and the name of what was just done."""


class Reporter(Protocol):
    """Where progress goes."""

    def say(self, text: str) -> None:
        """Something was reached."""

    def track(self, text: str, total: int | None) -> AbstractContextManager[Advance]:
        """Something long runs: the context gives a function that moves its bar."""


class Quiet:
    """Says nothing: tests."""

    def say(self, text: str) -> None:
        """Drop it."""

    @contextmanager
    def track(self, text: str, total: int | None) -> Iterator[Advance]:  # noqa: ARG002
        """Drop it."""
        yield lambda _count, _name: None


class ToTerminal:
    """Lines and bars on stderr, so that stdout stays for answers (`localkube kubeconfig`)."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line with the seconds since the start."""
        self._console.print(f"[dim]{time.monotonic() - self._start:7.1f} s[/dim]  {text}")

    @contextmanager
    def track(self, text: str, total: int | None) -> Iterator[Advance]:
        """Show a bar; without a terminal, one line at the start and one at the end."""
        if not self._console.is_terminal:
            self.say(f"{text} …")
            yield lambda _count, _name: None
            self.say(f"{text}: done")
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[name]}"),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(text, total=total, name="")
            yield lambda count, name: progress.update(task, completed=count, name=name[-50:])
        self.say(f"{text}: done")
