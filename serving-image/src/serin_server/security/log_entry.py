"""What a transparency log (Rekor) says of a signature, as bundles and cosign's annotations hold it.

Nothing here is believed before the log's own signature was checked (transparency.py). Every function raises `ValueError` with a
sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin_server.security.reading import bytes_in, json_in, number_in, object_in

_MOST_HASHES: Final = 64
"""Of a path through a tree: it has less than 2^64 leaves."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is a leaf of a log's Merkle tree (RFC 6962)."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str
    """The tree's size and root, signed by the log: a signed note."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of one log."""

    body: bytes
    """JSON as the log has it: what was signed, by whom, and the signature."""
    log_id: bytes
    index: int
    integrated_time: int = 0
    """Seconds since 1970; 0 where the log tells no time (Rekor 2)."""
    promise: bytes = b""
    """The log's signature over the four above; empty where it gives none."""
    proof: Proof | None = None


def entry_of(told: Mapping[str, Any]) -> LogEntry:
    """An entry as `tlogEntries` of a bundle has it."""
    promise = object_in(told.get("inclusionPromise") or {}, "inclusionPromise")
    proof = told.get("inclusionProof")
    return LogEntry(
        bytes_in(told.get("canonicalizedBody"), "canonicalizedBody"),
        bytes_in(object_in(told.get("logId"), "logId").get("keyId"), "keyId"),
        number_in(told.get("logIndex") or 0, "logIndex"),
        number_in(told.get("integratedTime") or 0, "integratedTime"),
        bytes_in(promise.get("signedEntryTimestamp") or "", "signedEntryTimestamp"),
        _proof(object_in(proof, "inclusionProof")) if proof else None,
    )


def annotated_entry(text: str) -> LogEntry:
    """An entry as cosign's annotation `dev.sigstore.cosign/bundle` has it: with a promise, without a proof."""
    told = object_in(json_in(text, "the annotation"), "the annotation")
    payload = object_in(told.get("Payload"), "Payload")
    try:
        log_id = bytes.fromhex(str(payload.get("logID")))
    except ValueError:
        raise ValueError("logID is not hexadecimal") from None
    return LogEntry(
        bytes_in(payload.get("body"), "body"),
        log_id,
        number_in(payload.get("logIndex") or 0, "logIndex"),
        number_in(payload.get("integratedTime") or 0, "integratedTime"),
        bytes_in(told.get("SignedEntryTimestamp"), "SignedEntryTimestamp"),
    )


def _proof(told: Mapping[str, Any]) -> Proof:
    hashes = told.get("hashes") or []
    if not isinstance(hashes, list) or len(hashes) > _MOST_HASHES:
        raise ValueError(f"hashes is no list of at most {_MOST_HASHES}")
    checkpoint = object_in(told.get("checkpoint"), "checkpoint").get("envelope")
    if not isinstance(checkpoint, str):
        raise ValueError("the checkpoint has no envelope")  # noqa: TRY004 (a sentence for people, not a type of ours)
    return Proof(
        number_in(told.get("logIndex") or 0, "logIndex"),
        number_in(told.get("treeSize"), "treeSize"),
        bytes_in(told.get("rootHash"), "rootHash"),
        tuple(bytes_in(each, "hashes") for each in hashes),
        checkpoint,
    )
