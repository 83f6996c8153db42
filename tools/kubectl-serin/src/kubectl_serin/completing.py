"""`kubectl_complete-serin`: what kubectl asks for when somebody presses Tab behind `kubectl serin`."""

import sys
from collections.abc import Sequence

from kubectl_serin import commands
from kubectl_serin.cli import parser
from kubectl_serin.kubectl import RESOURCE, Kubectl
from kubectl_serin.problems import Problem

NO_FILES, FILES = ":4", ":0"


def main() -> None:
    """Print what could come next, and what the shell should make of it."""
    print("\n".join(completions(sys.argv[1:], Kubectl())))


def completions(words: Sequence[str], kubectl: Kubectl) -> list[str]:
    """What can stand in place of the last word, and last the directive for the shell."""
    *before, begun = words or [""]
    if not before:
        return [*(f"{c.name}\t{c.summary}" for c in commands.ALL if c.name.startswith(begun)), NO_FILES]
    command = next((c for c in commands.ALL if c.name == before[0]), None)
    if command is None:
        return [NO_FILES]
    if begun.startswith("-"):
        return [*(flag for flag in _flags(command.name) if flag.startswith(begun)), NO_FILES]
    if not command.needs_cluster:
        return [FILES]
    return [*(name for name in _names(kubectl) if name.startswith(begun)), NO_FILES]


def _flags(name: str) -> list[str]:
    below = next(action for action in parser()._actions if action.dest == "==SUPPRESS==" or hasattr(action, "choices") and action.choices)  # noqa: SLF001 - argparse tells them nowhere else
    own = (below.choices or {})[name]  # type: ignore[index,call-overload]
    return sorted(flag for action in own._actions for flag in action.option_strings if flag.startswith("--") and action.help != "==SUPPRESS==")  # noqa: SLF001


def _names(kubectl: Kubectl) -> list[str]:
    try:
        return kubectl.call("get", RESOURCE, "-o", "jsonpath={.items[*].metadata.name}").split()
    except Problem:
        return []
