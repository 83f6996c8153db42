"""`kubectl serin predict`: ask the model."""

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from kubectl_serin import server
from kubectl_serin.command import Answer, Command, Hands, takes_name
from kubectl_serin.reading import Model
from kubectl_serin.words import cleaned

if TYPE_CHECKING:
    from rich.console import Console


def _arguments(parser: ArgumentParser) -> None:
    takes_name(parser)
    parser.add_argument(
        "-d", "--data", metavar="JSON", help="rows [[1, 2], …], a whole request, @file, or - for standard input"
    )
    parser.add_argument("--version", help="one version only, by label or revision; default: as clients are answered")


def _run(said: Namespace, hands: Hands) -> Answer:
    model = Model(hands.kubectl.model_deployment(said.name))
    path = server.address(model, said.version)
    metadata = server.answer(hands.kubectl, path)
    if said.data is None:
        return Answer(metadata, lambda console: _describe(console, model.name, metadata))
    answer = server.answer(hands.kubectl, f"{path}/infer", request_of(server.given(said.data), metadata))

    def render(console: "Console") -> None:
        for output in answer.get("outputs") or ():
            console.print(f"{cleaned(output.get('name'))} {output.get('shape')}: {json.dumps(output.get('data'))}")
        parameters = answer.get("parameters") or {}
        console.print(
            f"answered by {cleaned(parameters.get('serin_version', '?'))} ({cleaned(answer.get('model_version', '?'))})"
        )

    return Answer(answer, render)


def request_of(data: Any, metadata: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """A request of the Open Inference Protocol; rows become the model's first input."""
    if isinstance(data, dict):
        return data
    first = metadata["inputs"][0]
    rows = data if data and isinstance(data[0], list) else [data]
    shape = [len(rows), *([len(rows[0])] if len(first["shape"]) > 1 else [])]
    return {"inputs": [{"name": first["name"], "datatype": first["datatype"], "shape": shape, "data": rows}]}


def _describe(console: "Console", name: str, metadata: dict[str, Any]) -> None:
    for side in ("inputs", "outputs"):
        for one in metadata.get(side) or ():
            console.print(
                f"{side[:-1]:<6} {cleaned(one.get('name'))}  {cleaned(one.get('datatype'))} {one.get('shape')}"
            )
    console.print(f"next: kubectl serin predict {name} -d '[[…]]'")


COMMAND = Command(
    "predict",
    "ask the model for a prediction, or for what it takes",
    """\
Goes by way of the API server, so no port has to be forwarded; needs the right to
create services/proxy. Without -d: what the model takes and gives.

  kubectl serin predict credit-risk -d '[[0.1, 12, 3.5]]'
  kubectl serin predict credit-risk -d @request.json --version 2026-11-20
""",
    _arguments,
    _run,
)
