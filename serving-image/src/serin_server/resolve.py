"""`serin-server resolve`: proves that a model can be served and reports what it is, then ends."""

import json
import sys
from pathlib import Path
from typing import Any

from serin_server.failures import LoadFailure
from serin_server.model.load import Model, load, report
from serin_server.model.source import Source
from serin_server.settings import PROVIDERS, Settings

_MESSAGE_CHARACTERS = 1000


def source_of(settings: Settings) -> Source:
    """Where the settings say that the model comes from."""
    return Source(
        uri=settings.model_uri,
        sha256=settings.model_sha256,
        cache_dir=settings.cache_dir,
        mounts_dir=settings.mounts_dir,
        headers_file=settings.source_headers_file,
        ca_file=settings.source_ca_file,
        timeout_seconds=settings.source_timeout_seconds,
    )


def load_as_set(settings: Settings) -> Model:
    """The model that the settings name, on the threads and providers that they name. Raises `LoadFailure`."""
    providers = [PROVIDERS[name] for name in settings.provider_names]
    return load(source_of(settings), settings.intra_op_threads, providers)


def resolve(settings: Settings) -> int:
    """Fetches, digests, loads, warms up; one JSON object goes to the termination log and to stdout."""
    try:
        told, exit_code = report(load_as_set(settings)), 0
    except LoadFailure as failure:
        told, exit_code = failure_report(failure), failure.exit_code
    text = json.dumps(told, ensure_ascii=True)
    write_termination_message(settings.termination_log, text)
    sys.stdout.write(text + "\n")
    return exit_code


def failure_report(failure: LoadFailure) -> dict[str, Any]:
    """A failure as the operator reads it."""
    return {"ok": False, "reason": str(failure.reason), "message": failure.message[:_MESSAGE_CHARACTERS]}


def write_termination_message(file: Path, text: str) -> None:
    """Writes where Kubernetes looks when a container ends; outside a pod there is no such place, which is fine."""
    try:
        file.write_text(text)
    except OSError:
        return
