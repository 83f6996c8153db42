"""Sign a model's folder as `model_signing sign key` does (OpenSSF model signing), with a key that is made on the spot.

The bundle is a sigstore bundle (JSON) around a DSSE envelope (protocol 1.0), whose payload is an in-toto statement with the
digest of every file: https://github.com/ossf/model-signing-spec.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BUNDLE = "model.sig"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


class Signer:
    """A key of its own. It lives as long as this object: nothing of it is written."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        """PEM, as `spec.model.verify.publicKeys` wants it."""
        self.fingerprint = hashlib.sha256(self.public_key.encode()).hexdigest()
        """As bundles and the ledger name the key."""

    def sign(self, folder: Path) -> None:
        """Write `model.sig` over every other file of the folder into it."""
        payload = json.dumps(_statement(folder)).encode()
        signed = f"DSSEv1 {len(_PAYLOAD_TYPE)} {_PAYLOAD_TYPE} {len(payload)} ".encode() + payload
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": self.fingerprint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": _PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
        (folder / BUNDLE).write_text(json.dumps(bundle))


def _statement(folder: Path) -> dict[str, Any]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != BUNDLE)
    digests = {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()) for file in files}
    whole = hashlib.sha256(b"".join(digest.digest() for digest in digests.values())).hexdigest()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": folder.name, "digest": {"sha256": whole}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [BUNDLE],
            },
            "resources": [
                {"algorithm": "sha256", "name": name, "digest": digest.hexdigest()} for name, digest in digests.items()
            ],
        },
    }
