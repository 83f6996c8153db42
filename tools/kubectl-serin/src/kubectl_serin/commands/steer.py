"""promote, skip-step, pause, resume, abort, retry, rollback: an action that only people ask for, and what came of it."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.kubectl import RESOURCE
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.reading import Model
from kubectl_serin.words import cleaned
from serin_operator.api.names import ANNOTATION_ACTION

if TYPE_CHECKING:
    from rich.console import Console

EVERY_SECONDS: Final = 0.5
OLD: Final = "Heard"
"""What is told of an operator that does not write down what came of an action."""


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="to wait for the operator; default 30"
    )
    parser.add_argument("--wait", action="store_true", help="until what was begun has ended, too")


def _with_version(parser: ArgumentParser) -> None:
    _arguments(parser)
    parser.add_argument("version", metavar="VERSION", nargs="?", help="default: the one that served before")


def _asks(verb: str) -> Callable[[Namespace, Hands], Answer]:
    def run(said: Namespace, hands: Hands) -> Answer:
        return _done(said, hands, verb)

    return run


def _goes_back(said: Namespace, hands: Hands) -> Answer:
    version = said.version
    if version is None:
        version = _before(Model(hands.kubectl.model_deployment(said.name)))
        hands.say(f"going back to {version}, which served before")
    return _done(said, hands, f"rollback={version}")


def _before(model: Model) -> str:
    """The version that served before; of a version that bakes, the one that is kept."""
    serves = model.stable.revision if model.stable else None
    if model.stable and model.canary.get("phase") == "Baking":
        return model.stable.version
    once = [entry for entry in model.ledger if entry.promoted and entry.revision != serves]
    if not once:
        raise Problem(
            f"{model.name} has no version to go back to: no other one was promoted",
            f"kubectl serin history {model.name} shows all of them; kubectl serin abort ends a rollout under way",
        )
    newest = max(once, key=lambda entry: entry.promoted.timestamp() if entry.promoted else 0.0)
    is_unique = sum(entry.version == newest.version for entry in model.ledger) == 1
    return newest.version if is_unique else newest.revision


def _done(said: Namespace, hands: Hands, verb: str) -> Answer:
    """Write the annotation, and wait for what the operator says of it."""
    action = f"{verb}@{os.urandom(4).hex()}"
    hands.kubectl.call(
        "annotate", RESOURCE, said.name, "--overwrite", "--field-manager=kubectl-serin", f"{ANNOTATION_ACTION}={action}"
    )
    started = hands.now()
    while True:
        record = _record(Model(hands.kubectl.model_deployment(said.name)), action)
        is_over = record and not (said.wait and record["outcome"] == "Begun")
        if record and is_over:
            return _answer(said.name, record)
        if (hands.now() - started).total_seconds() >= said.timeout:
            if record:
                raise Problem(
                    f"{action} has begun and has not ended within {said.timeout:g} s: {record['message']}",
                    f"it goes on by itself: kubectl serin get {said.name} -w",
                    Exit.LATE,
                )
            raise Problem(
                f"the operator has not heard {action} within {said.timeout:g} s",
                "it will when it runs, since the annotation stays; kubectl serin doctor says whether it does",
                Exit.LATE,
            )
        hands.sleep(EVERY_SECONDS)


def _record(model: Model, action: str) -> dict[str, Any] | None:
    for one in model.status.get("actions") or ():
        if one.get("action") == action:
            return {
                key: cleaned(one[key]) if one.get(key) else None for key in ("action", "at", "by", "outcome", "message")
            }
    if "actions" not in model.status and model.status.get("lastAction") == action:
        heard = "the operator has heard it; it is of an older release, which does not write down what came of it"
        return {"action": action, "at": None, "by": None, "outcome": OLD, "message": heard}
    return None


def _answer(name: str, record: dict[str, Any]) -> Answer:
    def render(console: "Console") -> None:
        console.print(f"{record['action']}: {record['outcome']}: {record['message']}")
        if record["outcome"] == "Begun":
            console.print(f"next: kubectl serin get {name} -w")

    return Answer(record, render, Exit.NO if record["outcome"] in {"Ignored", "Failed"} else Exit.DONE)


_VERBS: Final = (
    ("promote", "all traffic to the new version, without further steps and evidence"),
    ("skip-step", "end the present step, whatever of its time or evidence is missing"),
    ("pause", "no further step and no promotion until somebody says resume"),
    ("resume", "go on: after a pause, a step that waits for a person, or a rollback"),
    ("abort", "end the rollout; what serves stays, and the version is rejected"),
    ("retry", "try a rejected version again, with fresh evidence"),
)


def _teaches(verb: str, *, version: str = "") -> str:
    return f"""\
Writes the annotation {ANNOTATION_ACTION}, waits for the operator, and says what came
of it: 0 done or begun, 1 ignored or failed, 3 not heard in time. A Fail of the
analysis is overruled by no verb. docs/steering.md says more.

  kubectl serin {verb} credit-risk{version}
"""


COMMANDS: Final = (
    *(Command(verb, summary, _teaches(verb), _arguments, _asks(verb)) for verb, summary in _VERBS),
    Command(
        "rollback",
        "back to a version that served once, at once; it is then held",
        _teaches("rollback", version=" 2026-11-20"),
        _with_version,
        _goes_back,
    ),
)
