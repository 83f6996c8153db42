"""`kubectl serin feedback`: tell the model what was right."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from kubectl_serin import server
from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.problems import Exit
from kubectl_serin.reading import Model
from kubectl_serin.words import cleaned

if TYPE_CHECKING:
    from rich.console import Console


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument(
        "-d", "--data", metavar="JSON", required=True, help="a row, rows, @file, or - for standard input"
    )


def _run(said: Namespace, hands: Hands) -> Answer:
    model = Model(hands.kubectl.model_deployment(said.name))
    answer = server.answer(hands.kubectl, f"{server.address(model)}/feedback", server.given(said.data))
    rejected = answer.get("rejected") or []

    def render(console: "Console") -> None:
        console.print(f"{answer.get('accepted', 0)} accepted, {len(rejected)} refused")
        for one in rejected[:20]:
            console.print(f"  {cleaned(one)}")

    return Answer(answer, render, Exit.NO if rejected else Exit.DONE)


COMMAND = Command(
    "feedback",
    "send true labels of predictions back",
    """\
Rows are {"model_version", "predicted_at", "prediction", "label"} with what the
prediction told, or {"token", "label"} where answers are signed. "score" is a
number that tells how good it was, beside the label or instead of one.

  kubectl serin feedback credit-risk -d '{"token": "…", "label": 1}'
""",
    _arguments,
    _run,
)
