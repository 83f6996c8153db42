"""`kubectl serin simulate`: a rollout before it is one."""

from argparse import ArgumentParser, Namespace
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kubectl_serin.command import Answer, Command, Hands
from kubectl_serin.files import Found, read
from kubectl_serin.problems import Exit, Problem
from kubectl_serin.words import cleaned, seconds

if TYPE_CHECKING:
    from rich.console import Console

    from kubectl_serin.play.player import Ending

_ENDS = {"Promoted": Exit.DONE, "InProgress": Exit.LATE}


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="YAML with a ModelDeployment; - for standard input")
    parser.add_argument(
        "--world", metavar="NAME=NUMBER,…", default="", help="for example worse-by=0.02,rate=10,labels=0.2"
    )
    parser.add_argument("--times", type=int, default=1, metavar="N", help="play it so often, and count the endings")
    parser.add_argument(
        "--hours", type=float, default=24.0, help="give up waiting after so long, of its own time; default 24"
    )
    parser.add_argument(
        "--scrape", type=float, default=15.0, metavar="SECONDS", help="prometheus.scrapeIntervalSeconds of the chart"
    )


def _run(said: Namespace, hands: Hands) -> Answer:
    found = next(read([said.file]))
    if bad := found.mistakes():
        raise Problem(
            f"{said.file}: {found.name} would be refused: {bad[0]}", f"kubectl serin lint {said.file} says more"
        )
    endings = _played(said, found, hands)
    first = endings[0]
    counted = Counter(ending.outcome for ending in endings)

    def render(console: "Console") -> None:
        from kubectl_serin.tables import beside

        lines = [(seconds(told.seconds), f"{told.reason}: {told.message}") for told in first.story]
        if not first.story or first.story[-1].reason != first.outcome:
            lines.append((seconds(first.seconds), f"{first.outcome}: {first.message}"))
        console.print(beside(lines))
        console.print(f"the new version answered {first.requests:,} requests and got {first.labels:,} labels")
        if len(endings) > 1:
            console.print(
                f"of {len(endings)}: " + ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common())
            )

    document: dict[str, Any] = {
        "name": found.name,
        "outcome": first.outcome,
        "seconds": first.seconds,
        "message": first.message,
        "requests": first.requests,
        "labels": first.labels,
        "story": [{"seconds": told.seconds, "reason": told.reason, "message": told.message} for told in first.story],
        "times": dict(counted),
    }
    return Answer(document, render, _ENDS.get(first.outcome, Exit.NO))


def _played(said: Namespace, found: Found, hands: Hands) -> list["Ending"]:
    from kubectl_serin.play.player import Player
    from kubectl_serin.play.scope import playable
    from kubectl_serin.play.traffic import MadeUp
    from serin_operator.api.spec import ModelDeploymentSpec

    world = MadeUp.parse(said.world)
    spec, remarks = playable(ModelDeploymentSpec.model_validate(found.spec))
    for remark in remarks:
        hands.say(cleaned(remark))
    return [
        Player(spec, found.name, replace(world, seed=world.seed + number), said.scrape).play(said.hours * 3600)
        for number in range(max(1, said.times))
    ]


COMMAND = Command(
    "simulate",
    "play the rollout of this file in a made-up world; needs no cluster",
    """\
The operator's own decisions and evidence, in a cluster where all goes well: pods
start, Prometheus answers, an old version serves. --world says what the new one is
like and how much traffic there is: worse-by, errors-by, slow-by, rate, labels,
accuracy, errors, slow, ready-after, seed. Ends with 0 if it is promoted. What no
made-up world has is left out and said: copies, testers, other kinds of metrics.

  kubectl serin simulate v3.yaml --world worse-by=0.02,rate=10,labels=0.2
  kubectl serin simulate v3.yaml --world worse-by=0.05,rate=50 --times 20
""",
    _arguments,
    _run,
    needs_cluster=False,
)
