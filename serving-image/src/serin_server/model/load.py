"""From a source to a model that is proven to run: fetch, digest, session, warm-up."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serin_server.model.digest import model_size_bytes
from serin_server.model.onnx_file import model_file, opset_of, words_in
from serin_server.model.rows.decision import OFF, Decision, decide
from serin_server.model.session import DEFAULT_PROVIDERS, Session, open_session
from serin_server.model.source import Source, fetch
from serin_server.model.tensors import Signature
from serin_server.model.warmup import warm_up

_REPORT_BYTES: Final = 3500


@dataclass(frozen=True, slots=True)
class Model:
    """A model that passed its warm-up, with what there is to know about it."""

    session: Session
    sha256: str
    size_bytes: int
    opset: int
    path: Path = Path()
    """The file or the folder that it was loaded from."""
    batching: Decision = OFF
    """Whether requests may share a run."""

    @property
    def signature(self) -> Signature:
        """What goes in and what comes out."""
        return self.session.signature


def load(
    source: Source, threads: int = 1, providers: Sequence[str] = DEFAULT_PROVIDERS, batching: str = OFF.mode
) -> Model:
    """Fetches, verifies, loads and warms up. Raises `LoadFailure` with the reason and the way out.

    `batching` says when requests may share a run: `off`, when it is `proven` that rows are independent, or `trusted`.
    """
    fetched = fetch(source)
    file = model_file(fetched.path)
    opset = opset_of(file)
    opened = open_session(file, threads, providers)
    words = words_in(file)
    session = warm_up(opened, [first for first, *_ in words])
    decision = decide(file, session, batching, words)
    return Model(session, fetched.sha256, model_size_bytes(fetched.path), opset, fetched.path, decision)


def signature_digest(signature: Signature) -> str:
    """The sha256 of a signature's canonical JSON: equal digests mean that the same requests fit."""
    described = [[tensor.described() for tensor in side] for side in (signature.inputs, signature.outputs)]
    return hashlib.sha256(json.dumps(described, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def report(model: Model) -> dict[str, Any]:
    """What `serin-server resolve` tells of a model, cut to fit a termination message (3.5 KiB)."""
    inputs = [tensor.described() for tensor in model.signature.inputs]
    outputs = [tensor.described() for tensor in model.signature.outputs]
    told: dict[str, Any] = {
        "ok": True,
        "sha256": model.sha256,
        "sizeBytes": model.size_bytes,
        "opset": model.opset,
        "signatureDigest": signature_digest(model.signature),
        "inputs": inputs,
        "outputs": outputs,
        "truncated": False,
    }
    while len(json.dumps(told)) > _REPORT_BYTES:
        told["truncated"] = True
        longer = max((inputs, outputs), key=lambda side: len(json.dumps(side)))
        del longer[len(longer) // 2 :]
    return told
