"""Signs models as OpenSSF model signing does, and in every way that it would not."""

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM
_HASHES = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass
class Signer:
    """A key, with the certificates that speak for it, if any."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificates: tuple[x509.Certificate, ...] = ()

    def public(self) -> bytes:
        return self.key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, model: Path, *, statement: Any = None, to: Path | None = None) -> dict[str, Any]:
        """Writes `model.sig` into the folder; what was written."""
        payload = json.dumps(statement_of(model) if statement is None else statement).encode()
        told = self.bundle(payload)
        (to or model / "model.sig").write_text(json.dumps(told))
        return told

    def bundle(self, payload: bytes) -> dict[str, Any]:
        kind = "application/vnd.in-toto+json"
        signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
        signature = self.key.sign(signed, ec.ECDSA(_HASHES[self.key.curve.key_size]()))
        material: dict[str, Any] = {"tlogEntries": []}
        if self.certificates:
            raw = [each.public_bytes(serialization.Encoding.DER) for each in self.certificates]
            material["x509CertificateChain"] = {"certificates": [{"rawBytes": text(each)} for each in raw]}
        else:
            material["publicKey"] = {"hint": hashlib.sha256(self.public()).hexdigest()}
        envelope = {
            "payload": text(payload),
            "payloadType": kind,
            "signatures": [{"sig": text(signature), "keyid": ""}],
        }
        media = "application/vnd.dev.sigstore.bundle.v0.3+json"
        return {"mediaType": media, "verificationMaterial": material, "dsseEnvelope": envelope}


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def statement_of(model: Path) -> dict[str, Any]:
    """What is signed of a folder: every file but the bundle."""
    files = sorted(file for file in model.rglob("*") if file.is_file() and file.name != "model.sig")
    return statement({f.relative_to(model).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files})


def statement(digests: dict[str, str]) -> dict[str, Any]:
    resources = [{"algorithm": "sha256", "name": name, "digest": digest} for name, digest in digests.items()]
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    serialized = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": ["model.sig"]}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {"serialization": serialized, "resources": resources},
    }


@dataclass
class Authority:
    """Vouches for signers, or for other authorities."""

    name: str = "Example Root"
    by: "Authority | None" = None
    began: dt.datetime = BEGAN
    is_authority: bool = True
    vouches: bool = True
    """Whether its key may sign certificates."""
    signer: Signer = field(default_factory=Signer)

    def __post_init__(self) -> None:
        issuer = self.by or self
        self.certificate = _certificate(
            self.name, self.signer, issuer, began=self.began, ca=self.is_authority, vouches=self.vouches, days=36500
        )

    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)

    def vouches_for(
        self, name: str | None = "release@example.com", *, signs: bool | None = True, curve: Any = None
    ) -> Signer:
        """A signer with a certificate that was good for thirty days; `signs` None leaves the usage of its key out."""
        signer = Signer(curve or ec.generate_private_key(ec.SECP256R1()))
        own = _certificate("release", signer, self, names=name, signs=signs, began=BEGAN, days=30)
        above = (self.certificate,) if self.by else ()
        return Signer(signer.key, (own, *above))


def _certificate(
    name: str,
    of: Signer,
    by: Authority,
    *,
    ca: bool = False,
    vouches: bool = True,
    names: str | None = None,
    signs: bool | None = True,
    began: dt.datetime,
    days: int,
) -> x509.Certificate:
    builder = x509.CertificateBuilder(_named(by.name), _named(name), of.key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(began).not_valid_after(began + dt.timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if signs is not None:
        usage = (signs and not ca, not signs, False, False, False, ca and vouches, ca, False, False)
        builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(names)]), critical=False)
    return builder.sign(by.signer.key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
