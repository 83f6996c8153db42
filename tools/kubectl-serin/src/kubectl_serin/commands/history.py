"""`kubectl serin history`: every version, and what people did."""

from argparse import Namespace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.reading import Entry, Model, moment
from kubectl_serin.summary import entry_of
from kubectl_serin.words import at, cleaned, seconds

if TYPE_CHECKING:
    from rich.console import Console


def _run(said: Namespace, hands: Hands) -> Answer:
    model, now = Model(hands.kubectl.model_deployment(said.name)), hands.now()
    actions = [_action(one) for one in model.status.get("actions") or ()]

    def render(console: "Console") -> None:
        from kubectl_serin.tables import table

        if not model.ledger:
            console.print(f"{model.name} has no history yet")
            return
        console.print(
            table(["version", "outcome", "began", "took", "why"], [_row(e, model, now) for e in model.ledger])
        )
        if actions:
            console.print()
            rows = [
                [at(moment(a["at"]), now), a["action"], a["by"] or "-", a["outcome"], a["message"]] for a in actions
            ]
            console.print(table(["at", "action", "by", "outcome", "what came of it"], rows))

    return Answer({"name": model.name, "versions": [entry_of(e) for e in model.ledger], "actions": actions}, render)


def _row(entry: Entry, model: Model, now: datetime) -> list[str]:
    serves = " *" if model.stable and entry.revision == model.stable.revision else ""
    variant = f" ({entry.variant})" if entry.variant else ""
    end = entry.promoted if entry.outcome == "Promoted" else entry.ended
    took = seconds((end - entry.started).total_seconds()) if entry.started and end and end > entry.started else "-"
    return [
        f"{entry.version}{variant}{serves}",
        entry.outcome,
        at(entry.started, now),
        took,
        entry.message or entry.reason or "-",
    ]


def _action(one: dict[str, Any]) -> dict[str, Any]:
    keys = ("action", "at", "by", "outcome", "message")
    return {key: cleaned(one[key]) if one.get(key) else None for key in keys}


COMMAND = Command(
    "history",
    "what became of each version, newest first, and what people did",
    """\
The version that serves has a star; in brackets stands the variant of its model that pods
serve (spec.model.optimize). Any version that was promoted once can be gone
back to: kubectl serin rollback NAME VERSION.

  kubectl serin history credit-risk
""",
    takes_name,
    _run,
)
