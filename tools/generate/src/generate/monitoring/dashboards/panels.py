"""What a dashboard is made of, and how Grafana reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

SCHEMA: Final = 39
"""Of Grafana 11; newer ones migrate it when it is loaded."""
_COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_GREEN, _YELLOW, _RED = "green", "yellow", "red"


class Kind(StrEnum):
    """How a panel draws."""

    STAT = "stat"
    LINES = "timeseries"
    TABLE = "table"
    BARS = "bargauge"


@dataclass(frozen=True)
class Query:
    """One question to Prometheus, and how its answers are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture.

    Args:
        title: What it shows, in a few words.
        says: What is normal, and what to do when it is not; Grafana shows it at the title.
        queries: Each answer is a series, or a row of a table.
        kind: How it is drawn.
        unit: As Grafana names units: `reqps`, `percentunit`, `s`, `bytes`, `short`.
        wide: Columns of 24.
        high: Rows.
        warn: Value from which it is yellow; None: never.
        bad: Value from which it is red; None: never.
        most: Where the scale ends; None: with the values.
        columns: Of a table: labels in their order, by the words above them.
        link: Of a table or its rows: where a click leads.
    """

    title: str
    says: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    unit: str = "short"
    wide: int = 12
    high: int = 8
    warn: float | None = None
    bad: float | None = None
    most: float | None = None
    columns: Mapping[str, str] | None = None
    link: str | None = None


@dataclass(frozen=True)
class Variable:
    """Something that people choose above the panels, from the values of a label."""

    name: str
    label: str
    values: str
    multi: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page of panels under headings."""

    uid: str
    title: str
    says: str
    variables: tuple[Variable, ...]
    rows: Mapping[str, tuple[Panel, ...]]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them, from the top."""
        return tuple(panel for panels in self.rows.values() for panel in panels)


def as_json(dashboard: Dashboard) -> str:
    """The dashboard as Grafana loads it: by a sidecar, by hand, or by its API."""
    made = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["serin"],
        "editable": True,
        "schemaVersion": SCHEMA,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "templating": {"list": [_data_source(), *map(_variable, dashboard.variables)]},
        "panels": list(_placed(dashboard)),
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def _placed(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Panels from left to right under their headings; a panel that does not fit begins a line."""
    y, number = 0, 0
    for heading, panels in dashboard.rows.items():
        number += 1
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": heading, "collapsed": False, "panels": [], "gridPos": place}
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            if x + panel.wide > _COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.wide, "h": panel.high})
            x, tallest = x + panel.wide, max(tallest, panel.high)
        y += tallest


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    is_now = panel.kind is not Kind.LINES
    targets = [
        {
            "refId": chr(ord("A") + position),
            "datasource": _SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": is_now,
            "range": not is_now,
            "format": "table" if panel.kind is Kind.TABLE else "time_series",
        }
        for position, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind.value,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
        "transformations": _ordered(panel.columns) if panel.columns else [],
    }


def _field(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": _GREEN, "value": None}]
    steps += [
        {"color": color, "value": at} for color, at in ((_YELLOW, panel.warn), (_RED, panel.bad)) if at is not None
    ]
    field: dict[str, Any] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.most is not None:
        field["max"] = panel.most
    if panel.link:
        field["links"] = [{"title": "Open", "url": panel.link}]
    if panel.kind is Kind.LINES:
        lines = {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}
        field["custom"] = {**lines, "thresholdsStyle": {"mode": "line" if len(steps) > 1 else "off"}}
    else:
        field["color"] = {"mode": "thresholds"}
    return field


def _ordered(columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Only these columns of a table, in this order, with words that people read above them."""
    places = {label: position for position, label in enumerate(columns)}
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}},
        {"id": "organize", "options": {"indexByName": places, "renameByName": dict(columns), "excludeByName": {}}},
    ]


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(variable: Variable) -> dict[str, Any]:
    every = {"includeAll": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": variable.values, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "multi": variable.multi,
        **(every if variable.multi else {"includeAll": False}),
    }


_REDUCED: Final = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
_OPTIONS: Final[dict[Kind, dict[str, Any]]] = {
    Kind.STAT: {
        **_REDUCED,
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    Kind.LINES: {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
    Kind.BARS: {
        **_REDUCED,
        "orientation": "horizontal",
        "displayMode": "lcd",
        "valueMode": "color",
        "namePlacement": "auto",
        "showUnfilled": True,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    },
}
