"""A Sigstore of one's own: an authority with certificates of ten minutes (Fulcio), logs that sign (Rekor), and the root of trust.

As the public one works, without a network: https://github.com/sigstore/architecture-docs.
"""

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.signing import Signer, statement_of, text
from tests.support.timestamps import Clock
from tests.support.transparency import Log, der_of, new_key

IDENTITY = "https://github.com/acme/credit/.github/workflows/release.yaml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
SIGNED_AT = dt.datetime(2026, 6, 1, 12, 0, 0, 123_000, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
_OID = "1.3.6.1.4.1.57264.1."
_TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


@dataclass
class Sigstore:
    """All of it: the authority and the one below it, a log of signatures and a log of certificates, and one who tells the time."""

    log: Log = field(default_factory=Log)
    certificate_log: Log = field(default_factory=lambda: Log(name="ctfe.example.com"))
    clock: Clock = field(default_factory=Clock)
    top: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    below: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        began, ends = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2036, 1, 1, tzinfo=dt.UTC)
        self.root = _authority("sigstore", self.top, "sigstore", self.top, began, ends)
        self.between = _authority("sigstore-intermediate", self.below, "sigstore", self.top, began, ends)

    def trusted_root(self) -> dict[str, Any]:
        """As `trusted_root.json` has it."""
        chain = [{"rawBytes": text(_der(each))} for each in (self.between, self.root)]
        authority = {
            "subject": {"organization": "example.com", "commonName": "sigstore"},
            "uri": "https://fulcio.example.com",
            "certChain": {"certificates": chain},
            "validFor": {"start": "2026-01-01T00:00:00.000Z"},
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self.log.told()],
            "certificateAuthorities": [authority],
            "ctlogs": [self.certificate_log.told()],
            "timestampAuthorities": [self.clock.told()],
        }

    def certificate(
        self,
        identity: str = IDENTITY,
        issuer: str = ISSUER,
        *,
        at: dt.datetime = SIGNED_AT,
        is_for_code: bool = True,
        is_seen: bool = True,
        issuer_oids: str = "18",
    ) -> Signer:
        """A key with a certificate of ten minutes."""
        key = new_key()
        name = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        builder = x509.CertificateBuilder(
            self.between.subject, x509.Name([]), key.public_key(), x509.random_serial_number()
        )
        builder = builder.not_valid_before(at).not_valid_after(at + 10 * MINUTE)
        usages = [x509.ExtendedKeyUsageOID.CODE_SIGNING if is_for_code else x509.ExtendedKeyUsageOID.CLIENT_AUTH]
        issuers = {"1": issuer.encode(), "8": asn1.encode_der(issuer)}
        for extension, is_critical in (
            (_usage(signs=True), True),
            (x509.ExtendedKeyUsage(usages), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.below.public_key()), False),
            (x509.SubjectAlternativeName([name]), True),
            *(
                (x509.UnrecognizedExtension(x509.ObjectIdentifier(_OID + oid), issuers[oid]), False)
                for oid in issuer_oids
            ),
        ):
            builder = builder.add_extension(extension, critical=is_critical)
        if is_seen:
            first = builder.sign(self.below, hashes.SHA256())
            seen = x509.UnrecognizedExtension(_TIMESTAMPS, self._timestamp(first.tbs_certificate_bytes, at))
            builder = builder.add_extension(seen, critical=False)
        return Signer(key, (builder.sign(self.below, hashes.SHA256()),))

    def _timestamp(self, certificate: bytes, at: dt.datetime) -> bytes:
        """The extension in which a log of certificates says that it has seen one (RFC 6962, 3.2 and 3.3)."""
        time = round(at.timestamp() * 1000).to_bytes(8, "big")
        by = hashlib.sha256(der_of(self.below)).digest()
        signed = b"\0\0" + time + b"\0\1" + by + len(certificate).to_bytes(3, "big") + certificate + b"\0\0"
        signature = self.certificate_log.signature(signed)
        one = b"\0" + self.certificate_log.log_id + time + b"\0\0\4\3" + _counted(signature)
        return asn1.encode_der(_counted(_counted(one)))

    def sign(self, model: Path, signer: Signer | None = None, at: dt.datetime = SIGNED_AT) -> dict[str, Any]:
        """Writes `model.sig` into the folder, as `model_signing sign sigstore` does; what was written."""
        told = self.bundle(json.dumps(statement_of(model)).encode(), signer or self.certificate(), at)
        (model / "model.sig").write_text(json.dumps(told))
        return told

    def bundle(self, payload: bytes, signer: Signer, at: dt.datetime = SIGNED_AT) -> dict[str, Any]:
        """A signed envelope, with what the log says of it a minute after the certificate was made."""
        told = signer.bundle(payload)
        (certificate,) = signer.certificates
        signature = told["dsseEnvelope"]["signatures"][0]["sig"]
        told["dsseEnvelope"]["signatures"] = [{"sig": signature}]
        about = enveloped if self.log.version == 1 else enveloped_in_rekor_2
        entry = self.log.entry(about(payload, signature, certificate), at + MINUTE)
        told["verificationMaterial"] = {"certificate": {"rawBytes": text(_der(certificate))}, "tlogEntries": [entry]}
        if self.log.version > 1:
            stamp = {"signedTimestamp": text(self.clock.stamp(raw(signature), at + MINUTE))}
            told["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [stamp]}
        return told

    def annotations(self, payload: bytes, signer: Signer, at: dt.datetime = SIGNED_AT) -> dict[str, str]:
        """What cosign annotates a payload with."""
        (certificate,) = signer.certificates
        signature = text(signer.key.sign(payload, ec.ECDSA(hashes.SHA256())))
        entry = self.log.entry(hashed(payload, signature, certificate), at + MINUTE)
        promise = {
            "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
            "Payload": {
                "body": entry["canonicalizedBody"],
                "integratedTime": int(entry["integratedTime"]),
                "logIndex": int(entry["logIndex"]),
                "logID": self.log.log_id.hex(),
            },
        }
        return {
            "dev.cosignproject.cosign/signature": signature,
            "dev.sigstore.cosign/certificate": _pem(certificate),
            "dev.sigstore.cosign/chain": _pem(self.between) + _pem(self.root),
            "dev.sigstore.cosign/bundle": json.dumps(promise),
        }


def enveloped(payload: bytes, signature: str, certificate: x509.Certificate) -> dict[str, Any]:
    """The body of a log's entry about an envelope."""
    digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    by = {"signature": signature, "verifier": text(_pem(certificate).encode())}
    return {
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {"envelopeHash": digest, "payloadHash": digest, "signatures": [by]},
    }


def enveloped_in_rekor_2(payload: bytes, signature: str, certificate: x509.Certificate) -> dict[str, Any]:
    """The same in a log that knows of no envelopes: about the bytes that were signed."""
    kind = "application/vnd.in-toto+json"
    signed = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    data = {"algorithm": "SHA2_256", "digest": text(hashlib.sha256(signed).digest())}
    by = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "x509Certificate": {"rawBytes": text(_der(certificate))}}
    spec = {"hashedRekordV002": {"data": data, "signature": {"content": signature, "verifier": by}}}
    return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec}


def hashed(payload: bytes, signature: str, certificate: x509.Certificate) -> dict[str, Any]:
    """The body of a log's entry about bytes."""
    digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    by = {"content": signature, "publicKey": {"content": text(_pem(certificate).encode())}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": {"hash": digest}, "signature": by}}


def raw(encoded: str) -> bytes:
    return base64.b64decode(encoded)


def _authority(name: str, key: Any, by: str, by_key: Any, began: dt.datetime, ends: dt.datetime) -> x509.Certificate:
    builder = x509.CertificateBuilder(_named(by), _named(name), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(began).not_valid_after(ends)
    for extension, is_critical in (
        (_usage(signs=False), True),
        (x509.BasicConstraints(ca=True, path_length=0 if name != by else 1), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=is_critical)
    return builder.sign(by_key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(signs, False, False, False, False, not signs, not signs, False, False)


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "example.com"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
        ]
    )


def _counted(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
