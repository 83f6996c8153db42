"""Series over time as SVG, in the colours of the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Final

from kubectl_serin.report.html import Markup, joined, tag

WIDTH: Final = 640
HEIGHT: Final = 180
LEFT: Final = 70
BOTTOM: Final = 24
TOP: Final = 10
LINES: Final = 4
"""Colours that the page has."""


@dataclass(frozen=True)
class Line:
    """One version's values by unix seconds."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Scale:
    """How values are written, and the most that there can be."""

    written: Callable[[float], str]
    most: float = inf


def plot(
    title: str, lines: Sequence[Line], start: float, end: float, scale: Scale, *, bound: float | None = None
) -> Markup:
    """Lines from ``start`` to ``end``; what is no number is a gap. ``bound`` is drawn across."""
    values = [value for line in lines for _, value in line.points if isfinite(value)]
    top = min(max([*values, bound or 0.0], default=0.0) * 1.1 or 1.0, scale.most)
    shown = list(lines[:LINES])
    curves = [_curve(line, number, start, end, top) for number, line in enumerate(shown)]
    ends = [(LEFT, "start", start), (WIDTH, "end", end)]
    picture = tag(
        "svg",
        tag("title", title),
        *(_level(share, top, scale.written) for share in (0.0, 0.5, 1.0)),
        *(tag("text", _time(at), x=x, y=HEIGHT - 4, text_anchor=anchor) for x, anchor, at in ends),
        *([] if bound is None else [_across(bound, top)]),
        *(curves if values else [tag("text", "nothing was measured", x=WIDTH / 2, y=HEIGHT / 2, text_anchor="middle")]),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )
    legend = joined(tag("span", line.name, class_=f"key line{number}") for number, line in enumerate(shown))
    left_out = f" and {len(lines) - LINES} more" if len(lines) > LINES else ""
    return tag("figure", tag("figcaption", tag("b", title), " ", legend, left_out), picture)


def _level(share: float, top: float, written: Callable[[float], str]) -> Markup:
    y = _y(share * top, top)
    line = tag("line", x1=LEFT, x2=WIDTH, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid")
    return joined([line, tag("text", written(share * top), x=LEFT - 6, y=f"{y + 4:.1f}", text_anchor="end")])


def _across(bound: float, top: float) -> Markup:
    y = f"{_y(bound, top):.1f}"
    return tag("line", x1=LEFT, x2=WIDTH, y1=y, y2=y, class_="bound")


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _curve(line: Line, number: int, start: float, end: float, top: float) -> Markup:
    path, is_on = [], False
    for at, value in line.points:
        if isfinite(value):
            x = LEFT + (WIDTH - LEFT) * (at - start) / max(1.0, end - start)
            path.append(f"{'L' if is_on else 'M'}{x:.1f},{_y(value, top):.1f}")
        is_on = isfinite(value)
    return tag("path", d="".join(path), class_=f"curve line{number}")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
