"""Tables without lines, for people; nothing in them is obeyed by the terminal."""

from collections.abc import Iterable, Sequence

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kubectl_serin.words import cleaned


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table; the last column has the room that is left, and wraps."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(head):
        is_last = number == len(head) - 1
        made.add_column(Text(name.upper()), overflow="fold", ratio=1 if is_last else None, no_wrap=False)
    for row in rows:
        made.add_row(*(Text("\n".join(cleaned(line) for line in cell.split("\n"))) for cell in row))
    return made


def beside(rows: Iterable[tuple[str, str]]) -> Table:
    """Something short to the left, and what is said of it to the right."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(justify="right", no_wrap=True)
    made.add_column(overflow="fold", ratio=1)
    for short, long in rows:
        made.add_row(Text(cleaned(short)), Text(cleaned(long)))
    return made


def below(text: str) -> Padding:
    """Something that belongs to the line above."""
    return Padding(Text(cleaned(text), overflow="fold"), (0, 0, 0, 2))
