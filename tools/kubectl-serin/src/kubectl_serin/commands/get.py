"""`kubectl serin get`: what is there, and one of them as a tree."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from kubectl_serin.command import Answer, Command, Hands
from kubectl_serin.kubectl import RESOURCE, JsonObject
from kubectl_serin.problems import Problem
from kubectl_serin.reading import Model
from kubectl_serin.summary import summary_of
from serin_operator.api.names import LABEL_MODEL_DEPLOYMENT

if TYPE_CHECKING:
    from rich.console import Console


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="one ModelDeployment, as a tree; without: all, as a table"
    )
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of all namespaces")
    parser.add_argument("-w", "--watch", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="how often, with -w; default 2")


def _run(said: Namespace, hands: Hands) -> Answer:
    look = _one if said.name else _all
    answer = look(said, hands)
    last = None
    while said.watch:
        if answer.document != last or said.name:
            hands.draw(answer)
        last = answer.document
        hands.sleep(said.every)
        answer = look(said, hands)
    return answer


def _one(said: Namespace, hands: Hands) -> Answer:
    model = Model(hands.kubectl.model_deployment(said.name))
    now, found = hands.now(), _pods(hands, said.name)

    def render(console: "Console") -> None:
        from kubectl_serin import tree

        tree.show(console, model, found, now)

    return Answer(summary_of(model, now), render)


def _pods(hands: Hands, name: str) -> list[JsonObject] | None:
    try:
        return hands.kubectl.list_of("pods", "-l", f"{LABEL_MODEL_DEPLOYMENT}={name}")
    except Problem:
        return None


def _all(said: Namespace, hands: Hands) -> Answer:
    everywhere = ("--all-namespaces",) if said.all_namespaces else ()
    models = [Model(one) for one in hands.kubectl.list_of(RESOURCE, *everywhere)]
    now = hands.now()
    documents = [summary_of(model, now) for model in models]

    def render(console: "Console") -> None:
        from kubectl_serin.tables import table

        if not models:
            console.print("no ModelDeployments here; -A looks into all namespaces, docs/first-model.md makes one")
            return
        head = [
            *(["namespace"] if said.all_namespaces else []),
            "name",
            "serves",
            "new",
            "step",
            "verdict",
            "ready",
            "reason",
        ]
        console.print(table(head, [_row(model, with_namespace=said.all_namespaces) for model in models]))

    return Answer({"items": documents}, render)


def _row(model: Model, *, with_namespace: bool) -> list[str]:
    canary, ready = model.canary, model.condition("Ready")
    new = f"{model.candidate.version} {model.candidate.weight or 0} %" if model.candidate else "-"
    values: list[Any] = [
        model.name,
        model.stable.version if model.stable else "-",
        new,
        canary.get("progress") or canary.get("phase") or "-",
        canary.get("verdict") or "-",
        ready.status,
        ready.reason,
    ]
    return [*([model.namespace] if with_namespace else []), *(str(value) for value in values)]


COMMAND = Command(
    "get",
    "what serves, what is rolled out, and what it waits for",
    """\
Without a name a table; with one a tree: the versions and their shares, the stages,
what each metric says, the pods, and what it waits for until when.

  kubectl serin get -A
  kubectl serin get credit-risk -n scoring -w
""",
    _arguments,
    _run,
)
