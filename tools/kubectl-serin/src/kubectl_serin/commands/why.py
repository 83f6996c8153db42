"""`kubectl serin why`: the last decision, with its numbers."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.decided import decided_last, explained, headline, meaning_of
from kubectl_serin.evidence import numbers_of
from kubectl_serin.plan import waits_of
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.reading import Entry, Model
from kubectl_serin.summary import entry_of, metrics_in
from kubectl_serin.words import at, seconds

if TYPE_CHECKING:
    from rich.console import Console


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument("version", metavar="VERSION", nargs="?", help="default: the newest one in the history")


def _run(said: Namespace, hands: Hands) -> Answer:
    model, now = Model(hands.kubectl.model_deployment(said.name)), hands.now()
    entry = _entry(model, said.version)
    is_under_way = bool(model.candidate and model.candidate.revision == entry.revision)
    metrics = metrics_in(model) if is_under_way else []
    waits = waits_of(model) if is_under_way else None
    meaning = meaning_of(entry.reason or model.condition("Ready").reason)
    evidence, needed = numbers_of(entry.message)

    def render(console: "Console") -> None:
        from kubectl_serin.tables import below

        console.print(headline(entry, is_under_way=is_under_way))
        if entry.message:
            console.print(below(f"{entry.message}"))
        if evidence is not None and needed is not None:
            console.print(below(f"{explained(evidence, needed)}"))
        for one in metrics:
            console.print(below(f"{one['metric']}: {one['verdict']} ({one['reason']}): {one['message']}"))
        if waits:
            console.print(below(f"it waits: {waits.sentence}"))
        if meaning and not is_under_way:
            console.print(below(f"{entry.reason}: {meaning}"))
        if entry.started:
            ended = (
                f", ended {at(entry.ended, now)} after {seconds((entry.ended - entry.started).total_seconds())}"
                if entry.ended
                else ""
            )
            console.print(below(f"began {at(entry.started, now)}{ended} (UTC)"))
        for line in _next(model, entry, is_under_way=is_under_way):
            console.print(f"next: {line}")

    document: dict[str, Any] = {
        **entry_of(entry),
        "meaning": meaning,
        "evidence": evidence,
        "needed": needed,
        "metrics": metrics,
        "waitsFor": waits.sentence if waits else None,
        "next": _next(model, entry, is_under_way=is_under_way),
    }
    return Answer(document, render)


def _entry(model: Model, version: str | None) -> Entry:
    if not model.ledger:
        raise Problem(
            f"nothing has been decided about {model.name} yet: {model.condition('Ready').message}",
            f"kubectl serin get {model.name} -w shows it when it is",
            Exit.ABSENT,
        )
    found = model.entry(version) if version else decided_last(model)
    if found is None:
        known = ", ".join(dict.fromkeys(entry.version for entry in model.ledger))
        raise Problem(f"{model.name} has no version {version}", f"in its history are {known}", Exit.ABSENT)
    return found


def _next(model: Model, entry: Entry, *, is_under_way: bool) -> list[str]:
    name = model.name
    if is_under_way:
        return [f"kubectl serin get {name} -w", f"kubectl serin abort {name}    (end it; what serves stays)"]
    if entry.reason == "GuardFailed" and entry.outcome == "Promoted":
        return [f"kubectl serin history {name}    (what it could go back to)", f"kubectl serin rollback {name} VERSION"]
    if entry.outcome in {"RolledBack", "Aborted", "FailedPreflight"}:
        return [
            f"kubectl serin diff {name}    (what is different about it)",
            f"kubectl serin retry {name}   (only if you know why it will differ)",
        ]
    return [f"kubectl serin history {name}"]


COMMAND = Command(
    "why",
    "the last decision about a version, with its numbers",
    """\
The numbers are those that the operator recorded when it decided.

  kubectl serin why credit-risk
  kubectl serin why credit-risk 2026-11-20
""",
    _arguments,
    _run,
)
