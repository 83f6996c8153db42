"""HTML in which only what this tool writes itself is markup: text of a cluster is always escaped."""

from collections.abc import Iterable
from html import escape
from typing import Final


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


EMPTY = frozenset({"meta", "input", "br"})


def tag(element: str, /, *content: str, **attributes: object) -> Markup:
    """An element. Underscores at the end of attributes go, others become hyphens."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Markup(f"<{element}{told}>" + ("" if element in EMPTY else f"{joined(content)}</{element}>"))


def joined(parts: Iterable[str]) -> Markup:
    """Parts behind one another."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


LONG: Final = 40
"""Characters from which on a cell holds a sentence, which needs room."""


def _cell(content: str) -> Markup:
    is_sentence = len(content) > LONG and not isinstance(content, Markup)
    return tag("td", content, class_="sentence") if is_sentence else tag("td", content)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    """A table, which scrolls by itself where the page is narrow."""
    first = tag("thead", tag("tr", *(tag("th", one, scope="col") for one in head)))
    body = tag("tbody", *(tag("tr", *(_cell(one) for one in row)) for row in rows))
    return tag("div", tag("table", first, body), class_="wide", tabindex="0")
