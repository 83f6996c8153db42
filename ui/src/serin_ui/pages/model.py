"""One model, as its report has it."""

from collections.abc import Sequence
from datetime import datetime

from kubectl_serin.reading import Model
from kubectl_serin.report.html import Markup
from kubectl_serin.report.page import content_of, title_of
from serin_ui.pages.shell import Shell, page


def model_page(model: Model, plots: Sequence[Markup], lacks: str | None, now: datetime, shell: Shell) -> str:
    """The page: the report, as it is now."""
    return page(title_of(model), shell, content_of(model, now, plots, lacks))
