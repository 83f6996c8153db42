"""`kubectl serin doctor`: what in this cluster will not work."""

from argparse import Namespace
from typing import TYPE_CHECKING

from kubectl_serin.checks import State, examined
from kubectl_serin.command import Answer, Command, Hands
from kubectl_serin.problems import Exit
from kubectl_serin.prometheus import takes_prometheus

if TYPE_CHECKING:
    from rich.console import Console


def _run(said: Namespace, hands: Hands) -> Answer:
    findings = examined(hands.kubectl, said.prometheus)
    is_bad = any(one.state is State.BAD for one in findings)

    def render(console: "Console") -> None:
        from kubectl_serin.tables import table

        rows = [[one.check, one.state, one.says + (f"\n→ {one.do}" if one.do else "")] for one in findings]
        console.print(table(["check", "state", "what was found"], rows))

    document = [
        {"check": one.check, "state": str(one.state), "says": one.says, "do": one.do or None} for one in findings
    ]
    return Answer({"items": document}, render, Exit.NO if is_bad else Exit.DONE)


COMMAND = Command(
    "doctor",
    "what in this cluster will not work, and what to do about it",
    """\
Looks at the cluster, the CRD, the operator, your rights, quota and Pod Security of
the namespace, the Gateway API, and whether Prometheus scrapes serving pods. Ends
with 1 if something is bad; notes are for those who need what they are about.

  kubectl serin doctor -n scoring
""",
    takes_prometheus,
    _run,
)
