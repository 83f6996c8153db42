"""A transparency log of one's own (Rekor, or a log of certificates): entries in a Merkle tree, promises, proofs and checkpoints."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from tests.support.signing import text


def der_of(key: Any) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


# A Merkle tree as RFC 6962, 2.1, defines it: by halves, where the verifier counts bits.
def root_of(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def path_of(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*path_of(index, leaves[:half]), root_of(leaves[half:])]
    return [*path_of(index - half, leaves[half:]), root_of(leaves[:half])]


@dataclass
class Log:
    """A log with a key: of signatures, or of certificates."""

    key: Any = field(default_factory=new_key)
    name: str = "rekor.example.com"
    others: tuple[int, int] = (5, 3)
    """How many entries stand before and behind each."""
    version: int = 1
    """Of Rekor: the second tells no time."""

    @property
    def log_id(self) -> bytes:
        return hashlib.sha256(der_of(self.key)).digest()

    def signature(self, message: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        hashed = {256: hashes.SHA256, 384: hashes.SHA384}[self.key.curve.key_size]()
        return self.key.sign(message, ec.ECDSA(hashed))

    def entry(self, body: dict[str, Any], at: dt.datetime) -> dict[str, Any]:
        """What the log answers when it has taken a body in, as bundles hold it."""
        raw = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        before, behind = self.others
        leaves = [*(b"before %d" % n for n in range(before)), raw, *(b"behind %d" % n for n in range(behind))]
        index, seconds = 4_000_000_000 + before, int(at.timestamp())
        proof = {
            "logIndex": str(before),
            "rootHash": text(root_of(leaves)),
            "treeSize": str(len(leaves)),
            "hashes": [text(each) for each in path_of(before, leaves)],
            "checkpoint": {"envelope": self.checkpoint(len(leaves), root_of(leaves))},
        }
        promise = {
            "integratedTime": str(seconds),
            "inclusionPromise": {"signedEntryTimestamp": text(self.promise(raw, seconds, index))},
        }
        return {
            "logIndex": str(index),
            "logId": {"keyId": text(self.log_id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            **(promise if self.version == 1 else {}),
            "inclusionProof": proof,
            "canonicalizedBody": text(raw),
        }

    def promise(self, raw: bytes, seconds: int, index: int) -> bytes:
        told = {"body": text(raw), "integratedTime": seconds, "logID": self.log_id.hex(), "logIndex": index}
        return self.signature(json.dumps(told, separators=(",", ":")).encode())

    def checkpoint(self, size: int, root: bytes) -> str:
        note = f"{self.name} - 1\n{size}\n{text(root)}\n"
        return f"{note}\n— {self.name} {text(self.log_id[:4] + self.signature(note.encode()))}\n"

    def told(self, start: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
        """Itself in a root of trust."""
        kinds = {ed25519.Ed25519PrivateKey: "PKIX_ED25519", rsa.RSAPrivateKey: "PKIX_RSA_PKCS1V15_2048_SHA256"}
        sizes = {256: "PKIX_ECDSA_P256_SHA_256", 384: "PKIX_ECDSA_P384_SHA_384"}
        details = (
            next((kind for of, kind in kinds.items() if isinstance(self.key, of)), "") or sizes[self.key.curve.key_size]
        )
        public = {"rawBytes": text(der_of(self.key)), "keyDetails": details, "validFor": {"start": start}}
        address = f"https://{self.name}"
        return {
            "baseUrl": address,
            "hashAlgorithm": "SHA2_256",
            "publicKey": public,
            "logId": {"keyId": text(self.log_id)},
        }
