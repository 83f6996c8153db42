"""One report: from a ModelDeployment as it is now to what is kept of one end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from kubectl_serin.evidence import metrics_of
from kubectl_serin.problems import Problem as Unanswered
from kubectl_serin.prometheus import Prometheus
from kubectl_serin.reading import Model
from kubectl_serin.report.html import Markup
from kubectl_serin.report.page import page_of
from kubectl_serin.report.series import plots_of
from serin_ui.problems import Problem
from serin_ui.reports.ends import End
from serin_ui.reports.shelves import Report
from serin_ui.reports.summary import summary_of

NO_PROMETHEUS = "no Prometheus is known (prometheus.url of the chart)"


def report_of(
    end: End, raw: Mapping[str, Any], seen: bytes, now: datetime, *, plots: list[Markup] | None, lacks: str | None
) -> Report:
    """What is kept.

    Args:
        end: What it is about.
        raw: The ModelDeployment as of then (`ends.as_of`).
        seen: What was seen last of its rollout, as JSON; empty where nothing was.
        now: When it is made.
        plots: Series over time; None where only a summary is wanted.
        lacks: Why there are none.
    """
    known = orjson.loads(seen) if seen else None
    summary = summary_of(end, raw, known)
    if plots is None:
        return Report(summary, b"")
    return Report(summary, page_of(Model(raw), now, plots, lacks, metrics_of(known or {})).encode())


def drawn(raw: Mapping[str, Any], prometheus: Prometheus, now: datetime) -> list[Markup]:
    """Series over time of the newest version in `raw`; it waits for Prometheus. Raises `Problem` when that does not answer."""
    try:
        return plots_of(Model(raw), prometheus, now)
    except Unanswered as error:
        raise Problem(str(error), "it is asked again, for ten minutes") from error
