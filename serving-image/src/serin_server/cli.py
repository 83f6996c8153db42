"""The command line: `serin-server serve|resolve|inspect|check|bench`, configured by flags and the environment."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Final

from serin_server.config.settings import DESCRIPTIONS, InvalidSetting, Settings, settings_from

_SHORT: Final = {
    "model_uri": ("--model", "--model-uri"),
    "model_name": ("--name", "--model-name"),
    "model_version": ("--version", "--model-version"),
    "model_revision": ("--revision", "--model-revision"),
    "model_sha256": ("--sha256", "--model-sha256"),
}
COMMANDS: Final = {
    "serve": "serve a model over HTTP and gRPC",
    "resolve": "fetch, verify, load and warm up a model, report what it is, and end",
    "inspect": "print signature, opset, size and digest of a model",
    "check": "run a model's golden samples and end with a verdict",
    "bench": "measure what one prediction costs on this machine",
}
EXIT_USAGE: Final = 2


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; every flag is a setting and has a variable in the environment."""
    root = argparse.ArgumentParser(prog="serin-server", description="ONNX models behind the Open Inference Protocol.")
    commands = root.add_subparsers(dest="command", required=True)
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        for field in fields(Settings):
            flags = _SHORT.get(field.name, (f"--{field.name.replace('_', '-')}",))
            command.add_argument(
                *flags,
                dest=field.name,
                metavar="VALUE",
                help=f"{DESCRIPTIONS[field.name]} [SERIN_{field.name.upper()}]".replace("%", "%%"),
            )
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code of the process."""
    given = vars(parser().parse_args(arguments))
    command = given.pop("command")
    try:
        settings = settings_from(flags={name: value for name, value in given.items() if value is not None})
        return _runner(command, settings)(settings)
    except InvalidSetting as error:
        sys.stderr.write(f"serin-server: {error}\n")
        return EXIT_USAGE


def _runner(command: str, settings: Settings) -> Callable[[Settings], int]:
    """What runs a command; each imports only what it needs, so that the command starts at once."""
    match command:
        case "serve" if settings.processes > 1:
            from serin_server.process.several import serve_several as run  # noqa: PLC0415
        case "serve":
            from serin_server.process.serve import serve as run  # noqa: PLC0415
        case "resolve":
            from serin_server.commands.resolve import resolve as run  # noqa: PLC0415
        case "inspect":
            from serin_server.commands.inspect import inspect as run  # noqa: PLC0415
        case "check":
            from serin_server.commands.golden import check as run  # noqa: PLC0415
        case _:
            from serin_server.commands.bench import bench as run  # noqa: PLC0415
    return run


if __name__ == "__main__":
    sys.exit(main())
