"""One model, as its report has it."""

from collections.abc import Sequence
from datetime import datetime

from kubectl_serin.reading import Model
from kubectl_serin.report.html import Markup, joined, tag
from kubectl_serin.report.page import content_of, title_of
from serin_ui.pages.shell import Shell, page


def model_page(model: Model, plots: Sequence[Markup], lacks: str | None, now: datetime, shell: Shell) -> str:
    """The page: the report, and the command that says the same in a terminal."""
    command = tag(
        "p", "In a terminal: ", tag("code", f"kubectl serin -n {model.namespace} get {model.name}"), class_="quiet"
    )
    return page(title_of(model), shell, joined([content_of(model, now, plots, lacks), command]))
