"""`kubectl serin report`: one page about a model, for people who do not live in a terminal."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.prometheus import found, takes_prometheus
from kubectl_serin.reading import Model

if TYPE_CHECKING:
    from rich.console import Console

    from kubectl_serin.report.html import Markup


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument("--version", metavar="VERSION", help="as of this version of the ledger; default: the newest")
    parser.add_argument("-o", "--output", dest="file", metavar="FILE", help="default: NAME.html")
    takes_prometheus(parser)
    parser.set_defaults(output="text")


def _run(said: Namespace, hands: Hands) -> Answer:
    from kubectl_serin.report.page import page_of

    model = _as_of(Model(hands.kubectl.model_deployment(said.name)), said.version)
    plots, lacks = _plots(said, hands, model)
    page, path = page_of(model, hands.now(), plots, lacks), Path(said.file or f"{model.name}.html")
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}", "give another file with -o") from error

    def render(console: "Console") -> None:
        console.print(f"{path}: {len(page.encode()) / 1024:.0f} KiB", soft_wrap=True)

    return Answer({"file": str(path)}, render)


def _as_of(model: Model, version: str | None) -> Model:
    """The model when this version was its newest."""
    from kubectl_serin.report.past import as_of

    if version is None:
        return model
    entry = model.entry(version)
    if entry is None:
        known = ", ".join(dict.fromkeys(each.version for each in model.ledger)) or "none"
        raise Problem(f"{model.name} has no version {version}", f"in its history are: {known}", Exit.ABSENT)
    return Model(as_of(model.raw, model.ledger.index(entry)))


def _plots(said: Namespace, hands: Hands, model: Model) -> tuple[list["Markup"], str | None]:
    """Series over time, or why there are none: the rest of the page does not need them."""
    from kubectl_serin.report.series import plots_of

    prometheus = found(hands.kubectl, said.prometheus)
    if prometheus is None:
        lacks = "no Prometheus is known: the operator has none, or its Deployment may not be seen; give --prometheus"
        return [], lacks
    try:
        return plots_of(model, prometheus, hands.now()), None
    except Problem as problem:
        if said.prometheus:
            raise
        hands.say(f"without series over time: {problem}")
        return [], f"{problem}"


COMMAND = Command(
    "report",
    "one page about a model: what was tried, what came of it, and the numbers",
    """\
A file that needs no network, for a browser or a printer: the numbers of status, and
where Prometheus can be asked, requests, errors and latency of each version.

  kubectl serin report credit-risk -o report.html
  kubectl serin report credit-risk --version v3 -o v3.html    what became of v3
""",
    _arguments,
    _run,
    has_formats=False,
)
