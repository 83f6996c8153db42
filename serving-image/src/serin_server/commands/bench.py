"""`serin-server bench`: what one prediction costs on this machine, without a network."""

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from serin_server.config.settings import Settings
from serin_server.dataplane.request import RequestReader
from serin_server.dataplane.response import ResponseWriter
from serin_server.failures import LoadFailure
from serin_server.model.load import Model
from serin_server.model.warmup import synthetic_feeds
from serin_server.process.model import load_as_set

_SECONDS = 1.0


def bench(settings: Settings) -> int:
    """Prints microseconds of CPU a request: the model alone, and with reading JSON and writing it."""
    try:
        model = load_as_set(settings)
    except LoadFailure as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.exit_code
    sys.stdout.write(f"{'rows':>6} {'model alone':>14} {'JSON to JSON':>14}   microseconds of CPU a request\n")
    for rows in (1, 8, 32) if model.signature.has_free_rows else (1,):
        alone, whole = measured(model, rows, settings)
        sys.stdout.write(f"{rows:>6} {alone:>14.1f} {whole:>14.1f}\n")
    return 0


def measured(model: Model, rows: int, settings: Settings) -> tuple[float, float]:
    """Microseconds of CPU of one run alone, and of one request from JSON to JSON."""
    feed = {
        name: np.repeat(array[:1], rows, axis=0) if model.signature.has_free_rows else array
        for name, array in synthetic_feeds(model.signature)[0].items()
    }
    specs = {spec.name: spec for spec in model.signature.inputs}
    tensors = [
        {"name": name, "datatype": specs[name].datatype, "shape": array.shape, "data": array.ravel().tolist()}
        for name, array in feed.items()
    ]
    body = json.dumps({"inputs": tensors}).encode()
    reader = RequestReader(model.signature)
    writer = ResponseWriter(settings.model_name, settings.revision, settings.model_version, model.signature)
    names = [spec.name for spec in model.signature.inputs]

    def request() -> None:
        call = reader.read(body)
        call.outputs = model.session.run(dict(zip(names, call.arrays, strict=True)))
        writer.write(call)

    return _microseconds(lambda: model.session.run(feed)), _microseconds(request)


def _microseconds(work: Callable[[], object]) -> float:
    best, until = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        started = time.process_time()
        for _ in range(20):
            work()
        best = min(best, (time.process_time() - started) / 20)
    return best * 1e6
