"""Whether a transparency log (Rekor) has written a signature down, and when: by the log's own signatures, without asking it.

The promise (signed entry timestamp) is over the entry and its time, as canonical JSON. The proof leads from the entry to the root
of the log's Merkle tree (RFC 6962, 2.1.1), which the checkpoint signs. Logs of Rekor 2 give no promise and tell no time; cosign's
annotations have no proof.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from serin_server.failures import one_line
from serin_server.security.bundle import Bundle
from serin_server.security.certificates import UNREADABLE
from serin_server.security.log_entry import LogEntry, Proof
from serin_server.security.reading import bytes_in, json_in, object_in, objects_in, short
from serin_server.security.refused import invalid
from serin_server.security.trusted_root import Log

_LATEST: Final = 253_402_300_799
"""Seconds until the end of the year 9999."""
_DIGEST_BYTES: Final = 32
_MOST_SIGNATURES: Final = 8
_HASHES: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
_SIGNED: Final = "\N{EM DASH} "


def integrated_at(entry: LogEntry, log: Log) -> datetime | None:
    """When the log has taken an entry in, as it has signed; None where it promises nothing. Raises `LoadFailure`."""
    if not entry.promise:
        return None
    if not 0 < entry.integrated_time <= _LATEST:
        raise invalid("its log entry has a promise (signed entry timestamp) and no time that it could be of")
    told = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.index,
    }
    if not log.has_signed(entry.promise, json.dumps(told, sort_keys=True, separators=(",", ":")).encode()):
        raise invalid(f"the promise of its log entry is not by {log.name or 'the log'} that the trusted root names")
    return datetime.fromtimestamp(entry.integrated_time, UTC)


def check_proof(entry: LogEntry, log: Log, *, is_needed: bool) -> None:
    """Raises `LoadFailure` where there is no proof, or one that leads to no tree of the log."""
    proof = entry.proof
    if proof is None:
        if is_needed:
            raise invalid(
                "nothing proves that it stands in the log (inclusionProof): sign again, and keep what the log answers"
            )
        return
    try:
        root = root_by(proof, entry.body)
        size, promised = _checkpoint(proof.checkpoint, entry.log_id, log)
    except ValueError as error:
        raise invalid(f"the proof that it stands in the log is none: {error}") from None
    if root != proof.root or (size, promised) != (proof.size, proof.root):
        raise invalid("the proof that it stands in the log leads to another tree than the log's checkpoint: sign again")


def root_by(proof: Proof, body: bytes) -> bytes:
    """The root of the tree that a proof leads to from an entry. Raises `ValueError`."""
    if proof.index >= proof.size:
        raise ValueError(f"there is no entry {proof.index} in a tree of {proof.size}")
    # Up to where the paths of this entry and of the last one meet, neighbours stand on either side; from there on to the left.
    inner = (proof.index ^ (proof.size - 1)).bit_length()
    border = (proof.index >> inner).bit_count()
    if len(proof.hashes) != inner + border or any(len(each) != _DIGEST_BYTES for each in proof.hashes):
        raise ValueError(f"it has {len(proof.hashes)} hashes, and {inner + border} of 32 bytes are needed")
    node = hashlib.sha256(b"\x00" + body).digest()
    for level, beside in enumerate(proof.hashes):
        is_right = level >= inner or proof.index >> level & 1
        node = hashlib.sha256(b"\x01" + (beside + node if is_right else node + beside)).digest()
    return node


def _checkpoint(note: str, log_id: bytes, log: Log) -> tuple[int, bytes]:
    """Size and root of a tree, from a note that the log has signed. Raises `ValueError`."""
    text, gap, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not gap or len(lines) < 3 or not (lines[1].isascii() and lines[1].isdigit() and len(lines[1]) < 20):
        raise ValueError("its checkpoint is no signed note")
    for line in signatures.splitlines():
        encoded = line.removeprefix(_SIGNED).rpartition(" ")[2] if line.startswith(_SIGNED) else ""
        signed = bytes_in(encoded, "the signature of its checkpoint")
        if signed[:4] == log_id[:4] and log.has_signed(signed[4:], f"{text}\n".encode()):
            return int(lines[1]), bytes_in(lines[2], "the root of its checkpoint")
    raise ValueError(f"its checkpoint is not signed by {log.name or 'the log'} that the trusted root names")


def check_about(entry: LogEntry, bundle: Bundle, leaf: x509.Certificate) -> None:
    """Raises `LoadFailure` where an entry is about another signature, another payload, or another signer."""
    try:
        is_about = _is_about(entry.body, bundle, leaf)
    except UNREADABLE as error:
        raise invalid(f"its log entry cannot be read ({one_line(error, 160)})") from None
    if not is_about:
        raise invalid(
            "its log entry is about something else that was signed: sign again, and keep what the log answers"
        )


def _is_about(body: bytes, bundle: Bundle, leaf: x509.Certificate) -> bool:
    told = object_in(json_in(body, "its body"), "its body")
    kind, spec = f"{told.get('kind')} {told.get('apiVersion')}", object_in(told.get("spec"), "spec")
    if kind == "dsse 0.0.1" and bundle.is_enveloped:
        hashed, over = object_in(spec.get("payloadHash"), "payloadHash"), bundle.payload
        signatures = objects_in(spec.get("signatures"), "signatures", _MOST_SIGNATURES)
        written = [(each.get("signature"), each.get("verifier")) for each in signatures]
    elif kind == "hashedrekord 0.0.2":
        return _is_about_in_rekor_2(object_in(spec.get("hashedRekordV002"), "hashedRekordV002"), bundle, leaf)
    elif kind == "hashedrekord 0.0.1" and not bundle.is_enveloped:
        hashed, over = object_in(object_in(spec.get("data"), "data").get("hash"), "hash"), bundle.signed
        signature = object_in(spec.get("signature"), "signature")
        written = [(signature.get("content"), object_in(signature.get("publicKey"), "publicKey").get("content"))]
    else:
        raise ValueError(f"it is of the kind {short(kind)}, and dsse and hashedrekord are read")
    if len(written) != 1 or hashed.get("algorithm") != "sha256":
        return False
    (signature_there, verifier), digest = written[0], hashlib.sha256(over).hexdigest()
    is_same = bytes_in(signature_there, "signature") == bundle.signature and hashed.get("value") == digest
    return is_same and x509.load_pem_x509_certificate(bytes_in(verifier, "verifier")) == leaf


def _is_about_in_rekor_2(spec: Mapping[str, Any], bundle: Bundle, leaf: x509.Certificate) -> bool:
    data, signature = object_in(spec.get("data"), "data"), object_in(spec.get("signature"), "signature")
    verifier = object_in(signature.get("verifier"), "verifier")
    certificate = bytes_in(object_in(verifier.get("x509Certificate"), "x509Certificate").get("rawBytes"), "rawBytes")
    hashed = _HASHES.get(str(data.get("algorithm")))
    return (
        hashed is not None
        and bytes_in(data.get("digest"), "digest") == hashlib.new(hashed, bundle.signed).digest()
        and bytes_in(signature.get("content"), "content") == bundle.signature
        and certificate == leaf.public_bytes(Encoding.DER)
    )
