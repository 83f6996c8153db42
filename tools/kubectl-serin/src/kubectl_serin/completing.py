"""`kubectl_complete-serin`: what kubectl asks for when somebody presses Tab behind `kubectl serin`."""

import re
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from kubectl_serin import commands
from kubectl_serin.command import Command
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
        return [*(flag for flag in _flags(command) if flag.startswith(begun)), NO_FILES]
    if not command.needs_cluster:
        return [FILES]
    return [*(name for name in _names(kubectl) if name.startswith(begun)), NO_FILES]


def _flags(command: Command) -> list[str]:
    own = ArgumentParser(add_help=False)
    command.arguments(own)
    return sorted({*re.findall(r"(--[a-z-]+)", own.format_usage()), "--help", "--output"})


def _names(kubectl: Kubectl) -> list[str]:
    try:
        return kubectl.call("get", RESOURCE, "-o", "jsonpath={.items[*].metadata.name}").split()
    except Problem:
        return []
