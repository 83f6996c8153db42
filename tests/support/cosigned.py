"""What cosign writes beside an artifact: payloads with a signature in annotations (2), or bundles that refer to it (3)."""

import json
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.artifacts import MANIFEST, Layer, digest_of
from tests.support.signing import Signer, text

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"


def payload_of(digest: str, kind: str = "cosign container image signature") -> bytes:
    """What is signed of an artifact; its digest as `sha256:…`."""
    identity = {"docker-reference": "registry.example.com/acme/credit"}
    critical = {"identity": identity, "image": {"docker-manifest-digest": digest}, "type": kind}
    return json.dumps({"critical": critical, "optional": None}).encode()


def by_key(payload: bytes, signer: Signer) -> Layer:
    """A layer as `cosign sign --key` of the second version writes it: by SHA-256, whatever the curve."""
    signature = text(signer.key.sign(payload, ec.ECDSA(hashes.SHA256())))
    return Layer(PAYLOAD, payload, {"dev.cosignproject.cosign/signature": signature})


def statement_about(digest: str, predicate: str = SIGNATURE) -> bytes:
    """What a bundle of the third version signs."""
    subject = {"digest": {"sha256": digest.removeprefix("sha256:")}}
    told = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": predicate,
        "predicate": {},
    }
    return json.dumps(told).encode()


def referring(bundle: bytes, digest: str) -> bytes:
    """The manifest by which a bundle refers to an artifact."""
    layer = {"mediaType": BUNDLE, "digest": digest_of(bundle), "size": len(bundle)}
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    subject = {"mediaType": MANIFEST, "digest": digest, "size": 1}
    told = {"mediaType": MANIFEST, "artifactType": BUNDLE, "config": config, "layers": [layer], "subject": subject}
    return json.dumps({"schemaVersion": 2, **told}).encode()


def index_of(manifests: Sequence[bytes], kind: str = BUNDLE) -> bytes:
    """The list of what refers to an artifact."""
    listed: list[dict[str, Any]] = [
        {"mediaType": MANIFEST, "digest": digest_of(each), "size": len(each), "artifactType": kind}
        for each in manifests
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).encode()
