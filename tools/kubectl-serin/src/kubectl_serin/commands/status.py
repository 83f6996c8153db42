"""`kubectl serin status`: one line and an exit code, for scripts and CI."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.plan import waits_of
from kubectl_serin.problems import Exit
from kubectl_serin.reading import Model
from kubectl_serin.summary import summary_of

if TYPE_CHECKING:
    from rich.console import Console

EVERY_SECONDS = 2.0


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument("--wait", action="store_true", help="until it has ended, well or badly")
    parser.add_argument("--timeout", type=float, default=3600.0, metavar="SECONDS", help="with --wait; default 3600")


def _run(said: Namespace, hands: Hands) -> Answer:
    started, told = hands.now(), ""
    while True:
        model = Model(hands.kubectl.model_deployment(said.name))
        code = ended(model)
        is_late = (hands.now() - started).total_seconds() >= said.timeout
        if not said.wait or code is not Exit.LATE or is_late:
            return _answer(model, code, hands)
        waits = waits_of(model)
        if waits and waits.sentence != told:
            told = waits.sentence
            hands.say(told)
        hands.sleep(EVERY_SECONDS)


def ended(model: Model) -> Exit:
    """DONE: the version that is wanted serves. NO: nothing moves until a person acts. LATE: it is under way."""
    if not model.is_seen:
        return Exit.LATE
    if model.condition("Stalled").status == "True":
        return Exit.NO
    is_over = model.condition("Ready").status == "True" and model.condition("Reconciling").status != "True"
    return Exit.DONE if is_over else Exit.LATE


def _answer(model: Model, code: Exit, hands: Hands) -> Answer:
    words = {Exit.DONE: "serves", Exit.NO: "stalled", Exit.LATE: "under way"}[code]
    ready = model.condition("Ready")

    def render(console: "Console") -> None:
        waits = waits_of(model)
        said = f"{ready.reason}: {ready.message}" if model.is_seen or waits is None else f"waits for {waits.sentence}"
        console.print(f"{model.wanted} {words}: {said}")

    return Answer({**summary_of(model, hands.now()), "outcome": words}, render, code)


COMMAND = Command(
    "status",
    "whether the wanted version serves, as one line and an exit code",
    """\
Ends with 0 when the version of the spec serves and nothing moves any more, with 1
when it was rolled back, refused or is stuck, with 3 while it is under way, and
with --wait when the time is over. What it waits for goes to standard error.

  kubectl apply -f model.yaml && kubectl serin status credit-risk --wait
""",
    _arguments,
    _run,
)
