"""What Prometheus knows of the versions of a model over time."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from kubectl_serin.prometheus import Prometheus
from kubectl_serin.reading import Model
from kubectl_serin.report.html import Markup
from kubectl_serin.report.plots import Line, Scale, plot

POINTS: Final = 240
BEFORE: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(days=7)


@dataclass(frozen=True)
class Asked:
    """A picture: what is asked, and by which label lines are told apart.

    In `promql`, WHERE is the model's labels, WINDOW over how long a rate is taken.
    """

    title: str
    promql: str
    by: str
    scale: Scale
    is_always_shown: bool = False
    """Also where nothing was measured."""
    bound: float | None = None
    """A line that means something when it is crossed."""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


SHARE: Final = Scale(lambda value: f"{100 * value:.3g} %", most=1.0)
PERCENT: Final = Scale(lambda value: f"{value:.3g} %")
WEIGHT: Final = Scale(lambda value: f"{value:.3g} %", most=100)
NUMBER: Final = Scale(_number)
MILLISECONDS: Final = Scale(lambda value: f"{_number(1000 * value)} ms")

_RATE: Final = "sum by (model_version) (rate(serin_requests_total{WHERE}[WINDOW]))"
_FAILED: Final = 'sum by (model_version) (rate(serin_requests_total{WHERE,error="true"}[WINDOW]))'
_LABELS: Final = "sum by (predicted_revision) (rate(serin_feedback_total{WHERE}[WINDOW]))"
_RIGHT: Final = 'sum by (predicted_revision) (rate(serin_feedback_total{WHERE,outcome="correct"}[WINDOW]))'
_PAIRS: Final = "sum by (outcome) (rate(serin_pairs_total{WHERE}[WINDOW]))"
PICTURES: Final = (
    Asked(
        "weight of each version",
        "max by (model_version) (serin_operator_model_weight_percent{WHERE})",
        "model_version",
        WEIGHT,
    ),
    Asked(
        "evidence against the new version",
        "max by (metric) (serin_operator_model_evidence_percent{WHERE})",
        "metric",
        PERCENT,
        bound=100,
    ),
    Asked(
        "share of the requests",
        f"{_RATE} / ignoring(model_version) group_left () sum({_RATE})",
        "model_version",
        SHARE,
        is_always_shown=True,
    ),
    Asked("requests a second", _RATE, "model_version", NUMBER, is_always_shown=True),
    Asked(
        "share of failed requests",
        f"({_FAILED} or 0 * {_RATE}) / {_RATE}",
        "model_version",
        SHARE,
        is_always_shown=True,
    ),
    Asked(
        "slowest hundredth",
        "histogram_quantile(0.99, sum by (model_version, le) (rate(serin_request_duration_seconds_bucket{WHERE}[WINDOW])))",
        "model_version",
        MILLISECONDS,
        is_always_shown=True,
    ),
    Asked(
        "share of right predictions, by when labels came", f"{_RIGHT} / ({_LABELS} > 0)", "predicted_revision", SHARE
    ),
    Asked("labels a minute", f"60 * {_LABELS}", "predicted_revision", NUMBER),
    Asked("pairs a minute", f"60 * {_PAIRS}", "outcome", NUMBER),
)


def plots_of(model: Model, prometheus: Prometheus, now: datetime) -> list[Markup]:
    """Pictures by version since shortly before the newest version came.

    Raises:
        Problem: Prometheus does not answer.
    """
    began = next((entry.started for entry in model.ledger if entry.started), now - timedelta(hours=1))
    ended = max((e.ended or e.promoted or now for e in model.ledger[:1]), default=now)
    end = min(now, ended + BEFORE)
    start = max(began - BEFORE, end - LONGEST)
    step = max(15, round((end - start).total_seconds() / POINTS))
    where = f"model_namespace={json.dumps(model.namespace)},model_name={json.dumps(model.name)}"
    names = {entry.revision: entry.version for entry in model.ledger}
    drawn = []
    for asked in PICTURES:
        promql = asked.promql.replace("WHERE", where).replace("WINDOW", f"{max(120, 4 * step)}s")
        found = prometheus.range(promql, start.timestamp(), end.timestamp(), step)
        if not found and not asked.is_always_shown:
            continue
        told = ((one.labels.get(asked.by, "?"), one.values) for one in found)
        lines = sorted((Line(names.get(name, name), values) for name, values in told), key=lambda line: line.name)
        drawn.append(plot(asked.title, lines, start.timestamp(), end.timestamp(), asked.scale, bound=asked.bound))
    return drawn
