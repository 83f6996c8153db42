"""The command line: `serin-server serve|resolve|inspect|check|sweep|bump|bench`, configured by flags and the environment."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NoReturn

from serin_server.config.settings import DESCRIPTIONS, TERMINATION_LOG, InvalidSetting, Settings, settings_from
from serin_server.failures import LoadFailure, Reason

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
    "sweep": "list, or remove, what lies in a store for models and nobody names any more",
    "bump": "write what a moving name points at now (alias, tag, branch, bucket folder) into a manifest or an object",
    "bench": "measure what one prediction costs on this machine",
}
EXIT_USAGE: Final = 2
EXIT_TERMINATED: Final = 128 + signal.SIGTERM
_WITHOUT_MODEL: Final = ("sweep",)
_HAVE_LAST_WORDS: Final = ("serve", "resolve", "check")
_TERMINATION_LOG: Final = "termination_log"


class _Parser(argparse.ArgumentParser):
    """Raises what it cannot use, so that a container can say it when it ends."""

    def error(self, message: str) -> NoReturn:
        """Prints the usage and raises `InvalidSetting`."""
        self.print_usage(sys.stderr)
        raise InvalidSetting(message)


@cache
def parser(told: str) -> argparse.ArgumentParser:
    """The parser of a command line that names this command; every flag is a setting and has a variable in the environment.

    The other commands have no flags in it: those of all commands would be 25 ms of each start.
    """
    root = _Parser(prog="serin-server", description="ONNX models behind the Open Inference Protocol.")
    commands = root.add_subparsers(dest="command", required=True)
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        for field in fields(Settings) if name == told else ():
            more: dict[str, Any] = {"action": "append"} if field.name == "model_uri" else {}
            flags = _SHORT.get(field.name, (f"--{field.name.replace('_', '-')}",))
            command.add_argument(
                *flags,
                dest=field.name,
                metavar="VALUE",
                help=f"{DESCRIPTIONS[field.name]} [SERIN_{field.name.upper()}]".replace("%", "%%"),
                **more,
            )
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code of the process. However it ends, it says why, to people and to Kubernetes."""
    given: dict[str, str | None] = {}
    told = sys.argv[1:] if arguments is None else arguments
    end_when_told()
    try:
        given = _with_models(vars(parser(next(iter(told), "")).parse_args(told)))
        flags = {name: value for name, value in given.items() if name != "command" and value is not None}
        settings = settings_from(flags=flags, needs_model=given["command"] not in _WITHOUT_MODEL)
        return _ended(_runner(str(given["command"]), settings)(settings))
    except InvalidSetting as error:
        failure = LoadFailure(Reason.INVALID_SETTING, str(error))
        sys.stderr.write(f"serin-server: {failure.message}\n")
    except LoadFailure as known:
        failure = known
        sys.stderr.write(f"serin-server: {failure}\n")
    except Exception as error:  # noqa: BLE001 (the edge: a bug still ends with a reason)
        from serin_server.process.termination import fault  # noqa: PLC0415

        failure = fault(error, f"it ran the command {given.get('command', '')}")
    _leave_words(given, told, failure)
    return _ended(failure.exit_code)


def _with_models(given: dict[str, Any]) -> dict[str, str | None]:
    """`--model` said once is a model; said several times, each names one of a pack."""
    said = given.pop("model_uri", None) or []
    if len(said) > 1:
        given["models"] = " ".join([*said, *filter(None, [given.get("models")])])
    elif said:
        given["model_uri"] = said[0]
    return given


def end_when_told() -> None:
    """Ends the process at SIGTERM, until a command heeds it in a better way.

    The first process of a container gets no signal that it does not handle: one that comes while Python imports would be
    lost, and the pod would stay for its whole grace period.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: os._exit(EXIT_TERMINATED))


def _ended(exit_code: int) -> int:
    """The exit code; where work was given up that still goes on, the process ends here and now."""
    from serin_server.model.deadline import is_anybody_left_behind  # noqa: PLC0415 (not for --help)

    if is_anybody_left_behind():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)
    return exit_code


def _leave_words(given: Mapping[str, str | None], told: Sequence[str], failure: LoadFailure) -> None:
    """The failure as the container's last words, also when its arguments could not be read."""
    from serin_server.process.termination import write_failure  # noqa: PLC0415 (not for --help)

    if given.get("command", next(iter(told), "")) not in _HAVE_LAST_WORDS:
        return
    flag = "--" + _TERMINATION_LOG.replace("_", "-")
    texts = [following for each, following in pairwise(told) if each == flag]
    texts += [each.partition("=")[2] for each in told if each.startswith(f"{flag}=")]
    named = texts[-1] if texts else os.environ.get(f"SERIN_{_TERMINATION_LOG.upper()}")
    write_failure(Path(named) if named else TERMINATION_LOG, failure)


def _runner(command: str, settings: Settings) -> Callable[[Settings], int]:
    """What runs a command; each imports only what it needs, so that the command starts at once."""
    if settings.is_pack and command != "serve":
        raise InvalidSetting(f"{command} is for one model: name it with --model")
    match command:
        case "serve" if settings.is_pack:
            from serin_server.process.pack import serve_pack as run  # noqa: PLC0415
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
        case "sweep":
            from serin_server.commands.sweep import sweep as run  # noqa: PLC0415
        case "bump":
            from serin_server.commands.bumping.bump import bump as run  # noqa: PLC0415
        case _:
            from serin_server.commands.bench import bench as run  # noqa: PLC0415
    return run


if __name__ == "__main__":
    sys.exit(main())
