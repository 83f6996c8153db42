"""What a certificate of Fulcio says: whom it is for, who has said so, and that a log of certificates has seen it.

Extensions: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md. Timestamps of certificate logs: RFC 6962, 3.2.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

from serin_server.security.trusted_root import TrustedRoot

_ISSUER: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_ISSUER_AT_FIRST: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
"""The same as bare bytes, in certificates of the first years."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def identities_in(leaf: x509.Certificate) -> list[str]:
    """Whom a certificate is for: addresses and URIs."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier)
    return [str(name) for kind in kinds for name in names.get_values_for_type(kind)]


def issuer_in(leaf: x509.Certificate) -> str:
    """Who has said that it was they who asked for it; empty where it does not tell. Raises `ValueError`."""
    for oid in (_ISSUER, _ISSUER_AT_FIRST):
        try:
            value = leaf.extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            continue
        if isinstance(value, x509.UnrecognizedExtension):
            return asn1.decode_der(str, value.value) if oid == _ISSUER else value.value.decode()
    return ""


def is_logged(leaf: x509.Certificate, issuer: x509.Certificate, root: TrustedRoot) -> bool:
    """Whether a log of certificates that the root names has seen a certificate; a root without such logs asks for none."""
    if not root.certificate_logs:
        return True
    try:
        found = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    except x509.ExtensionNotFound:
        return False
    return any(_is_by_a_log(timestamp, leaf, issuer, root) for timestamp in found)


def _is_by_a_log(
    timestamp: SignedCertificateTimestamp, leaf: x509.Certificate, issuer: x509.Certificate, root: TrustedRoot
) -> bool:
    log, time = root.certificate_logs.get(timestamp.log_id), timestamp.timestamp.replace(tzinfo=UTC)
    if log is None or not log.period.holds(time) or not isinstance(timestamp.signature_hash_algorithm, hashes.SHA256):
        return False
    by = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    certificate = leaf.tbs_precertificate_bytes
    signed = b"".join(
        (
            bytes((timestamp.version.value, 0)),  # certificate_timestamp
            ((time - _EPOCH) // timedelta(milliseconds=1)).to_bytes(8, "big"),
            (1).to_bytes(2, "big"),  # precert_entry
            hashlib.sha256(by).digest(),
            len(certificate).to_bytes(3, "big"),
            certificate,
            len(timestamp.extension_bytes).to_bytes(2, "big"),
            timestamp.extension_bytes,
        )
    )
    return log.has_signed(timestamp.signature, signed)
