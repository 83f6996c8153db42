"""From a source to a model that is proven to run: fetch, digest, session, warm-up."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from serin_server.model.digest import model_size_bytes
from serin_server.model.external_data import external_files
from serin_server.model.footprint import forget_peak, peak_bytes
from serin_server.model.growth import check_growth
from serin_server.model.onnx_file import model_file, opset_of, words_in
from serin_server.model.promise import promise_of
from serin_server.model.providers import Placement
from serin_server.model.rows.decision import OFF, Decision, decide
from serin_server.model.session import ON_CPU, Session, open_session
from serin_server.model.source import Fetched, Source, fetch
from serin_server.model.tensors import Signature
from serin_server.model.warmup import Feed, RealSample, Warmed, warm_up

_REPORT_BYTES: Final = 3500
_SHORTEST_SENTENCE: Final = 40
_LISTS: Final = ("inputs", "outputs", "optional")


@dataclass(frozen=True, slots=True)
class Opened:
    """What it took to open a model whose bytes were here, first inference included."""

    seconds: float = 0.0
    peak_bytes: int = 0
    """The most memory that the process had meanwhile."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is ready to be served, with what there is to know about it."""

    warmed: Warmed
    sha256: str
    size_bytes: int
    opset: int
    path: Path = Path()
    """The file or the folder that it was loaded from."""
    batching: Decision = OFF
    """Whether requests may share a run."""
    signer: str = ""
    """Who has signed it, where somebody had to."""
    resolved_uri: str = ""
    """Its source by a name that does not move, where the one that was asked for may."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The sha256 of each file by its path below the model's folder, where they had to be computed."""
    instead: str = ""
    """Why its source was not read, where it comes from the store all the same."""
    opened: Opened = Opened()

    @property
    def session(self) -> Session:
        """What runs it."""
        return self.warmed.session

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""
        return self.session.signature


Samples = Callable[[Path, Signature], tuple[Sequence[RealSample], Sequence[Feed]]]
"""Finds real samples of a model, and inputs that it is likely to take, by its path and signature."""


def no_samples(path: Path, signature: Signature) -> tuple[Sequence[RealSample], Sequence[Feed]]:
    """Nothing is known of what the model takes."""
    del path, signature
    return (), ()


Check = Callable[[Fetched], str]
"""Judges a fetched model before anything reads it; gives its signer. Raises `LoadFailure`."""


def unsigned(fetched: Fetched) -> str:
    """No signature is wanted."""
    del fetched
    return ""


def load(
    source: Source,
    threads: int = 1,
    placement: Placement = ON_CPU,
    warmup_seconds: float = 0.0,
    samples: Samples = no_samples,
    batching: str = OFF.mode,
    check: Check = unsigned,
) -> Model:
    """Fetches, checks, loads, warms up and decides on batching. Raises `LoadFailure` with the reason and the way out.

    `batching` says when requests may share a run: `off`, when it is `proven` that rows are independent, or `trusted`.
    """
    fetched = fetch(source)
    signer = check(fetched)
    file = model_file(fetched.path)
    opset = opset_of(file)
    external_files(file)  # what ONNX Runtime will read is what the digest covers, or nothing is loaded
    check_growth(file)
    import onnxruntime  # noqa: F401, PLC0415 (0.1 s, which no model is to blame for)

    forget_peak()
    began = time.monotonic()
    session = open_session(file, threads, placement)
    real, likely = samples(fetched.path, session.signature)
    words = words_in(file)
    warmed = warm_up(session, real, likely, [first for first, *_ in words], warmup_seconds)
    opened = Opened(time.monotonic() - began, peak_bytes())
    warmed.session.check_learnt()
    decision = decide(file, warmed.session, batching, words, warmed.feeds, session.rounding)
    size, resolved = model_size_bytes(fetched.path), fetched.resolved_uri
    files, instead = fetched.files, fetched.instead
    path = fetched.path
    return Model(warmed, fetched.sha256, size, opset, path, decision, signer, resolved, files, instead, opened)


def report(model: Model) -> dict[str, Any]:
    """What `serin-server resolve` tells of a model; `fitted` cuts it to the size of a termination message."""
    return {
        "ok": True,
        "sha256": model.sha256,
        "sizeBytes": model.size_bytes,
        **({"resolvedUri": model.resolved_uri} if model.resolved_uri else {}),
        **({"signer": model.signer} if model.signer else {}),
        "opset": model.opset,
        **promise_of(model.signature, model_file(model.path)).told(),
        "warmUp": str(model.warmed.kind),
        "truncated": False,
    }


def fitted(told: dict[str, Any]) -> dict[str, Any]:
    """The same report in 3.5 KiB: of too many tensors the last are left out, and it says so; then sentences are cut."""
    while len(json.dumps(told)) > _REPORT_BYTES:
        longest = max(_LISTS, key=lambda side: len(json.dumps(told.get(side) or [])))
        if not told.get(longest):
            break
        told = {**told, "truncated": True, longest: told[longest][: len(told[longest]) // 2]}
    while len(json.dumps(told)) > _REPORT_BYTES and (rows := told.get("preflight")):
        most = max(len(row["message"]) for row in rows) * 3 // 4
        if most < _SHORTEST_SENTENCE:
            break
        told = {**told, "preflight": [{**row, "message": row["message"][:most]} for row in rows]}
    return told
