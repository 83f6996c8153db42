"""The program: it understands the command line, lets a command answer, and prints the answer."""

import json
import os
import shutil
import sys
import textwrap
import time
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Final, TextIO

from kubectl_serin import commands
from kubectl_serin.command import Answer, Command, Hands
from kubectl_serin.kubectl import Kubectl, Runner, run_kubectl
from kubectl_serin.problems import MEANINGS, Exit, Problem

COLUMNS: Final = 80
CONNECTION: Final = ("context", "kubeconfig", "cluster", "user", "as", "as-group", "request-timeout", "server", "token")
"""Flags of kubectl that are passed on as they are."""
CLEAR: Final = "\x1b[H\x1b[2J"


@dataclass(frozen=True)
class Outside:
    """Everything that the program touches but the cluster's own answers."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    error: TextIO = field(default_factory=lambda: sys.stderr)
    run: Runner = run_kubectl
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


def main() -> None:
    """What ``kubectl serin`` runs."""
    try:
        sys.exit(answered(sys.argv[1:], Outside()))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def answered(arguments: Sequence[str], outside: Outside) -> int:
    """Answer one command line; the exit code."""
    said = parser().parse_args(_in_order(arguments))
    try:
        answer: Answer = said.command.run(said, _hands(said, outside))
        _print(answer, said.output, outside)
    except Problem as problem:
        outside.error.write(_wrapped(str(problem)) + _wrapped(problem.way_out, "  "))
        return problem.exit_code
    except ModuleNotFoundError as error:
        outside.error.write(_wrapped(f"kubectl serin as one file does not have {error.name}, which this command needs"))
        outside.error.write(_wrapped("pip install pydantic, or uv tool install the tool (docs/cli.md)", "  "))
        return Exit.UNREACHABLE
    return answer.exit_code


def _in_order(arguments: Sequence[str]) -> list[str]:
    """Flags before the command go behind it: kubectl takes them on either side, and people write them there."""
    flags, rest = [], list(arguments)
    with_values = {"-n", "--namespace", *(f"--{flag}" for flag in CONNECTION)}
    while rest and rest[0].startswith("-") and rest[0] not in {"-h", "--help"}:
        flags.append(rest.pop(0))
        if flags[-1] in with_values and rest:
            flags.append(rest.pop(0))
    return [*rest[:1], *flags, *rest[1:]]


class _CommandParser(ArgumentParser):
    """Takes flags between the words of a command: by itself argparse takes a word that may be left out for left out at the first flag."""

    _is_within = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> tuple[Namespace, list[str]]:
        # Behind -- stand words that may look like flags: argparse loses sight of it when it takes flags from between words.
        if self._is_within or "--" in (args or ()):
            return super().parse_known_args(args, namespace)
        self._is_within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_within = False


@cache
def parser() -> ArgumentParser:
    """The command line, with its help."""
    codes = "\n".join(f"  {int(code)}  {meaning}" for code, meaning in MEANINGS.items())
    root = ArgumentParser(
        prog="kubectl serin",
        formatter_class=_formatter,
        description="See and steer ModelDeployments, and try a rollout before it is one.",
        epilog=f"""\
begin with
  kubectl serin get                     what is there
  kubectl serin get credit-risk -w      one of them, live
  kubectl serin why credit-risk         the last decision, with its numbers
  kubectl serin rollback credit-risk    back to the version before, at once
  kubectl serin simulate v3.yaml --world worse-by=0.02,rate=10,labels=0.2

exit codes
{codes}
""",
    )
    below = root.add_subparsers(metavar="COMMAND", required=True, title="commands", parser_class=_CommandParser)
    for command in commands.ALL:
        _add(below.add_parser, command)
    return root


def _formatter(prog: str) -> RawDescriptionHelpFormatter:
    return RawDescriptionHelpFormatter(prog, max_help_position=26, width=COLUMNS)


def _add(add_parser: Callable[..., ArgumentParser], command: Command) -> None:
    own = add_parser(
        command.name,
        help=command.summary,
        description=command.summary[0].upper() + command.summary[1:] + ".",
        epilog=command.teaches,
        formatter_class=_formatter,
    )
    command.arguments(own)
    if command.has_formats:
        own.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text", help="default: text")
    if command.needs_cluster:
        own.add_argument("-n", "--namespace", help="default: that of the kubeconfig")
        for flag in CONNECTION:
            own.add_argument(f"--{flag}", dest=f"flag_{flag}", metavar="…", help=SUPPRESS)
        own.add_argument_group("which cluster", "--context, --kubeconfig, --as and the like are those of kubectl")
    own.set_defaults(command=command)


def _hands(said: Namespace, outside: Outside) -> Hands:
    given = {flag: getattr(said, f"flag_{flag}", None) for flag in CONNECTION}
    connection = tuple(f"--{flag}={value}" for flag, value in given.items() if value)

    def draw(answer: Answer) -> None:
        if outside.out.isatty() and said.output == "text":
            outside.out.write(CLEAR)
        _print(answer, said.output, outside)

    return Hands(
        kubectl=Kubectl(connection, getattr(said, "namespace", None), outside.run),
        now=outside.now,
        sleep=outside.sleep,
        say=lambda line: print(line, file=outside.error, flush=True),
        draw=draw,
    )


def _print(answer: Answer, output: str, outside: Outside) -> None:
    match output:
        case "json":
            outside.out.write(json.dumps(answer.document, indent=2, ensure_ascii=False) + "\n")
        case "yaml":
            import yaml

            yaml.safe_dump(answer.document, outside.out, sort_keys=False, allow_unicode=True, width=110)
        case _:
            outside.out.write(_for_people(answer, is_terminal=outside.out.isatty()))
    outside.out.flush()


def _for_people(answer: Answer, *, is_terminal: bool) -> str:
    """As wide as the terminal, and with colours there; else 80 columns."""
    from io import StringIO

    from rich.console import Console

    drawn = StringIO()
    width = shutil.get_terminal_size((COLUMNS, 24)).columns if is_terminal else COLUMNS
    is_plain = not is_terminal or "NO_COLOR" in os.environ
    console = Console(
        file=drawn,
        width=width,
        force_terminal=is_terminal,
        no_color=is_plain,
        highlight=False,
        markup=False,
        emoji=False,
    )
    answer.render(console)
    return "".join(f"{line.rstrip(' ')}\n" for line in drawn.getvalue().splitlines())


def _wrapped(text: str, indent: str = "") -> str:
    lines = textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return "".join(f"{line}\n" for line in lines)
