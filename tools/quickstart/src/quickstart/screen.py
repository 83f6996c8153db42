"""What the person at the terminal reads: numbered steps with times, commands with their output, one live line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

SECONDS_BETWEEN_LINES_WITHOUT_TERMINAL = 10


class Screen:
    """Everything is printed through here, so that logs of a build server read as well as a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def elapsed(self) -> str:
        """Time since the start, as 1:07."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d}"

    def chapter(self, title: str) -> None:
        """A heading."""
        self._console.print(f"\n[bold cyan]{escape(title)}[/]")

    def say(self, text: str) -> None:
        """A sentence."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def happened(self, text: str) -> None:
        """Something that was seen, with its time."""
        self._console.print(f"  [dim]{self.elapsed():>5}[/]  {escape(text)}", highlight=False, soft_wrap=True)

    def command(self, command: str, output: str) -> None:
        """A command that the person could type, and what it prints."""
        self._console.print(f"  [bold]$ {escape(command)}[/]", highlight=False, soft_wrap=True)
        for line in output.rstrip().splitlines():
            self._console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        """A small table; without names of columns no header."""
        table = Table(box=None, show_header=bool(columns), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self._console.print(Padding(table, (0, 0, 0, 4)))

    def failed(self, text: str) -> None:
        """Why it went no further."""
        self._console.print(f"\n[bold red]{escape(text)}[/]", highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A piece of work with a spinner while it lasts and its time when it is done."""
        started = time.monotonic()
        with self._console.status(f"{title} …") as status:
            step = Step(title, self._console, status)
            yield step
        took = time.monotonic() - started
        done = f"  [green]✓[/] {title:<11} {escape(step.result)}"
        self._console.print(f"{done}  [dim]{took:.1f} s[/]", highlight=False, soft_wrap=True)

    def live(self) -> LiveLine:
        """A line that keeps changing at the bottom."""
        return LiveLine(self._console)


class Step:
    """A piece of work under way. It is a `Reporter` of localkube too, so that builds show how far they are."""

    def __init__(self, title: str, console: Console, status: Status) -> None:
        self.result = ""
        self._title = title
        self._console = console
        self._status = status

    def say(self, text: str) -> None:
        """What is being done now, next to the spinner."""
        self._status.update(f"{self._title}: {escape(text)}")

    @contextmanager
    def track(self, text: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
        """Something long, with a count; it gets a line of its own, since minutes without a word are hard to bear."""
        self._console.print(f"    [dim]· {escape(text)} …[/]", highlight=False)
        of = "" if total is None else f"/{total}"
        yield lambda count, name: self.say(f"{text} {count}{of} {name[-50:]}")


class LiveLine:
    """The changing line. Without a terminal it is printed now and then instead."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        self._printed_at = time.monotonic()

    def __enter__(self) -> Self:
        """Show it."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take it away."""
        if self._live is not None:
            self._live.stop()

    def update(self, text: str) -> None:
        """Show this now."""
        if self._live is not None:
            self._live.update(Text(f"         {text}", style="dim", no_wrap=True, overflow="ellipsis"), refresh=True)
        elif text and time.monotonic() - self._printed_at > SECONDS_BETWEEN_LINES_WITHOUT_TERMINAL:
            self._printed_at = time.monotonic()
            self._console.print(f"         {text}", markup=False, highlight=False, soft_wrap=True)
