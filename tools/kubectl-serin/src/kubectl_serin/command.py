"""What a command is, and what it answers."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kubectl_serin.kubectl import Kubectl
from kubectl_serin.problems import Exit

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Answer:
    """An answer: once for programs, once for people."""

    document: Any
    """What ``-o json`` and ``-o yaml`` print."""
    render: Callable[["Console"], None]
    """Prints it for people."""
    exit_code: Exit = Exit.DONE


@dataclass(frozen=True)
class Hands:
    """What a command works with."""

    kubectl: Kubectl
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    """A line about what goes on meanwhile; not part of the answer."""
    draw: Callable[[Answer], None]
    """Shows an answer while the command goes on, in place of the last one on a terminal."""


@dataclass(frozen=True)
class Command:
    """One command of ``kubectl serin``."""

    name: str
    summary: str
    teaches: str
    """What ``--help`` says below the arguments: when to use it, with an example."""
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, Hands], Answer]
    needs_cluster: bool = True
    has_formats: bool = True
    """Whether ``-o`` says how the answer is printed."""


def takes_name(parser: ArgumentParser) -> None:
    """For commands about one ModelDeployment."""
    parser.add_argument("name", metavar="NAME", help="the ModelDeployment")
