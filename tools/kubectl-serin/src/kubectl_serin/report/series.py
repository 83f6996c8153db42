"""What Prometheus knows of the versions of a model over time."""

import json
from datetime import datetime, timedelta
from typing import Final

from kubectl_serin.prometheus import Prometheus
from kubectl_serin.reading import Model
from kubectl_serin.report.html import Markup
from kubectl_serin.report.plots import Line, Scale, plot

POINTS: Final = 240
BEFORE: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(days=7)

_RATE: Final = "sum by (model_version) (rate(serin_requests_total{%s}[%s]))"
_FAILED: Final = 'sum by (model_version) (rate(serin_requests_total{%s,error="true"}[%s]))'
_SLOW: Final = (
    "histogram_quantile(0.99, sum by (model_version, le) (rate(serin_request_duration_seconds_bucket{%s}[%s])))"
)


def plots_of(model: Model, prometheus: Prometheus, now: datetime) -> list[Markup]:
    """Requests, their shares, errors and latency by version, since shortly before the newest version came.

    Raises:
        Problem: Prometheus does not answer.
    """
    began = next((entry.started for entry in model.ledger if entry.started), now - timedelta(hours=1))
    ended = max((e.ended or e.promoted or now for e in model.ledger[:1]), default=now)
    end = min(now, ended + BEFORE)
    start = max(began - BEFORE, end - LONGEST)
    step = max(15, round((end - start).total_seconds() / POINTS))
    where = f"model_namespace={json.dumps(model.namespace)},model_name={json.dumps(model.name)}"
    window = f"{max(120, 4 * step)}s"
    rate, failed, slow = (text % (where, window) for text in (_RATE, _FAILED, _SLOW))
    asked: tuple[tuple[str, str, Scale], ...] = (
        ("share of the requests", f"{rate} / ignoring(model_version) group_left () sum({rate})", SHARE),
        ("requests a second", rate, Scale(_number)),
        ("share of failed requests", f"({failed} or 0 * {rate}) / {rate}", SHARE),
        ("slowest hundredth", slow, Scale(lambda value: f"{_number(1000 * value)} ms")),
    )
    drawn = []
    for title, promql, scale in asked:
        found = prometheus.range(promql, start.timestamp(), end.timestamp(), step)
        lines = sorted(
            (Line(one.labels.get("model_version", "?"), one.values) for one in found), key=lambda line: line.name
        )
        drawn.append(plot(title, lines, start.timestamp(), end.timestamp(), scale))
    return drawn


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


SHARE: Final = Scale(lambda value: f"{100 * value:.3g} %", most=1.0)
