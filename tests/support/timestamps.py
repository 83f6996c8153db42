"""One who tells the time: timestamps of RFC 3161, whose messages are signed by CMS (RFC 5652)."""

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tests.support.signing import text

BEGAN, ENDS = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2036, 1, 1, tzinfo=dt.UTC)
SHA256, SHA1 = "2.16.840.1.101.3.4.2.1", "1.3.14.3.2.26"
SIGNED, STAMP = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
KIND, DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
ECDSA, RSA = "1.2.840.10045.4.3.2", "1.2.840.113549.1.1.1"


def der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes((tag, len(content))) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(content).to_bytes(size, "big") + content


def oid(name: str) -> bytes:
    return asn1.encode_der(x509.ObjectIdentifier(name))


def number(value: int) -> bytes:
    return asn1.encode_der(value)


@dataclass
class Clock:
    """A key with a certificate for timestamps, and the authority above it."""

    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    is_for_time: bool = True
    began: dt.datetime = BEGAN

    def __post_init__(self) -> None:
        above = ec.generate_private_key(ec.SECP256R1())
        self.root = _certificate(
            "clocks", above, "clocks", above, BEGAN, (x509.BasicConstraints(ca=True, path_length=0), True)
        )
        usages = [x509.ExtendedKeyUsageOID.TIME_STAMPING if self.is_for_time else x509.ExtendedKeyUsageOID.CODE_SIGNING]
        self.leaf = _certificate("clock", self.key, "clocks", above, self.began, (x509.ExtendedKeyUsage(usages), True))

    def told(self) -> dict[str, Any]:
        """Itself in a root of trust."""
        chain = [{"rawBytes": text(each.public_bytes(serialization.Encoding.DER))} for each in (self.leaf, self.root)]
        return {
            "subject": {"organization": "example.com", "commonName": "clock"},
            "uri": "https://clock.example.com",
            "certChain": {"certificates": chain},
            "validFor": {"start": "2026-01-01T00:00:00Z"},
        }

    def stamp(
        self,
        message: bytes,
        at: dt.datetime,
        *,
        status: int = 0,
        hashed_by: str = SHA256,
        kind: str = STAMP,
        attributes: tuple[bytes, ...] | None = None,
    ) -> bytes:
        """A response: what was stamped, and when, signed."""
        imprint = der(0x30, der(0x30, oid(hashed_by)), der(0x04, hashlib.sha256(message).digest()))
        time = der(0x18, at.strftime("%Y%m%d%H%M%SZ").encode())
        info = der(0x30, number(1), oid("1.2.3.4"), imprint, number(7), time)
        told = self.attributes(info) if attributes is None else attributes
        sha256 = der(0x30, oid(SHA256))
        issuer = der(0x30, self.leaf.issuer.public_bytes(), number(self.leaf.serial_number))
        signed, algorithm = self._signature(der(0x31, *told))
        signer = der(0x30, number(1), issuer, sha256, der(0xA0, *told), algorithm, der(0x04, signed))
        content = der(0x30, oid(kind), der(0xA0, der(0x04, info)))
        data = der(0x30, number(3), der(0x31, sha256), content, der(0x31, signer))
        return der(0x30, der(0x30, number(status)), der(0x30, oid(SIGNED), der(0xA0, data)))

    def attributes(self, info: bytes) -> tuple[bytes, ...]:
        """What is signed, in the order of DER."""
        digest = der(0x30, oid(DIGEST), der(0x31, der(0x04, hashlib.sha256(info).digest())))
        return der(0x30, oid(KIND), der(0x31, oid(STAMP))), digest

    def _signature(self, message: bytes) -> tuple[bytes, bytes]:
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256()), der(0x30, oid(RSA), der(0x05))
        return self.key.sign(message, ec.ECDSA(hashes.SHA256())), der(0x30, oid(ECDSA))


def _certificate(
    name: str, key: Any, by: str, by_key: Any, began: dt.datetime, extension: tuple[x509.ExtensionType, bool]
) -> x509.Certificate:
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (by, name)]
    builder = x509.CertificateBuilder(*names, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(began).not_valid_after(ENDS)
    usage = x509.KeyUsage(name != by, False, False, False, False, name == by, name == by, False, False)
    for each, is_critical in (
        extension,
        (usage, True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(by_key.public_key()), False),
    ):
        builder = builder.add_extension(each, critical=is_critical)
    return builder.sign(by_key, hashes.SHA256())
