"""When something was signed, as an authority for time says that the pinned root names: timestamps of RFC 3161.

A response holds a signed message (CMS, RFC 5652): what was stamped and when, and who has signed that. Who may is in the root alone;
certificates that come along are not looked at. DER is read by `cryptography`. `ValueError` says what is wrong.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.x509.verification import VerificationError

from serin_server.security.certificates import check_chain, is_by
from serin_server.security.trusted_root import Authority

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_ATTRIBUTES: Final = b"\xa0"
_SIGNED: Final = x509.ObjectIdentifier("1.2.840.113549.1.7.2")
_STAMP: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_KIND: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.3")
_DIGEST: Final = x509.ObjectIdentifier("1.2.840.113549.1.9.4")
_HASHES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
    "1.2.840.10045.4.3.2": hashes.SHA256,  # ecdsa-with-…
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
    "1.2.840.113549.1.1.11": hashes.SHA256,  # …WithRSAEncryption
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_RSA: Final = "1.2.840.113549.1.1.1"
"""An algorithm that names no hash: the digest's counts."""


@asn1.sequence
class _Elements:
    all: list[asn1.TLV]


def stamped_at(response: bytes, message: bytes, authorities: Sequence[Authority]) -> datetime:
    """When an authority has stamped a message. Raises `ValueError`."""
    try:
        return _stamped_at(response, message, authorities)
    except (IndexError, x509.ExtensionNotFound) as error:
        raise ValueError(f"the timestamp or its certificate lacks something ({error})") from None


def _stamped_at(response: bytes, message: bytes, authorities: Sequence[Authority]) -> datetime:
    status, token = _in(_one(response).data)
    if _in(status.data)[0].parse(int) != 0:
        raise ValueError("the timestamp was not granted")
    signed = _in(_one(_content(token, _SIGNED).data).data)
    info = _one(_content(signed[2], _STAMP).data).parse(bytes)
    fields = _in(_one(info).data)
    algorithm, stamped = _in(fields[2].data)
    if _hashed(algorithm, message) != stamped.parse(bytes):
        raise ValueError("the timestamp is of something else")
    time: datetime = fields[4].parse(asn1.GeneralizedTime).as_datetime().astimezone(UTC)
    _check_signed(_one(signed[-1].data), info, _authority(_one(signed[-1].data), authorities, time))
    return time


def _authority(signer: asn1.TLV, authorities: Sequence[Authority], time: datetime) -> x509.Certificate:
    """The certificate of whoever has signed, by issuer and number, where the root vouches for it at that time."""
    issuer, number = _in(_in(signer.data)[1].data)
    for authority in authorities:
        leaf, *others = authority.certificates
        named = (_encoded(_SEQUENCE, issuer.data), number.parse(int)) == (
            leaf.issuer.public_bytes(),
            leaf.serial_number,
        )
        if not named or not others or not authority.period.holds(time):
            continue
        try:
            check_chain(leaf, others[:-1], others[-1:], time)
        except VerificationError as error:
            raise ValueError(f"the certificate of the timestamp was not good then ({error})") from None
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        if not usage.critical or list(usage.value) != [x509.oid.ExtendedKeyUsageOID.TIME_STAMPING]:
            raise ValueError("the certificate of the timestamp is not made for timestamps")
        return leaf
    raise ValueError("the timestamp is by none of the trusted root's timestampAuthorities")


def _check_signed(signer: asn1.TLV, info: bytes, leaf: x509.Certificate) -> None:
    """Raises `ValueError` where the signer has not signed that (RFC 5652, 5.4: the attributes, of which one is its digest)."""
    _, _, digested, attributes, algorithm, signature, *_ = _in(signer.data)
    if attributes.tag_bytes != _ATTRIBUTES:
        raise ValueError("the timestamp has no signed attributes")
    told: dict[Any, asn1.TLV] = {}
    for attribute in _in(attributes.data):
        kind, values = _in(attribute.data)
        if told.setdefault(kind.parse(x509.ObjectIdentifier), values) is not values:
            raise ValueError("the timestamp has an attribute twice")
    if _DIGEST not in told or _one(told[_DIGEST].data).parse(bytes) != _hashed(digested, info):
        raise ValueError("the timestamp was changed after it was signed")
    if _KIND not in told or _one(told[_KIND].data).parse(x509.ObjectIdentifier) != _STAMP:
        raise ValueError("what was signed is no timestamp")
    message = _encoded(_SET, attributes.data)
    if not is_by(leaf.public_key(), signature.parse(bytes), message, _hash_of(algorithm, digested)):
        raise ValueError("the signature of the timestamp is wrong")


def _content(told: asn1.TLV, kind: x509.ObjectIdentifier) -> asn1.TLV:
    """What a message of a kind holds."""
    found, content = _in(told.data)
    if found.parse(x509.ObjectIdentifier) != kind:
        raise ValueError(f"it is no timestamp, but {found.parse(x509.ObjectIdentifier).dotted_string}")
    return content


def _hash_of(algorithm: asn1.TLV, otherwise: asn1.TLV) -> hashes.HashAlgorithm:
    name = _in(algorithm.data)[0].parse(x509.ObjectIdentifier).dotted_string
    if name == _RSA and otherwise is not algorithm:
        return _hash_of(otherwise, otherwise)
    if name not in _HASHES:
        raise ValueError(f"the timestamp uses {name}, and SHA-256, SHA-384 and SHA-512 are read")
    return _HASHES[name]()


def _hashed(algorithm: asn1.TLV, message: bytes) -> bytes:
    return hashlib.new(_hash_of(algorithm, algorithm).name, message).digest()


def _one(content: Any) -> asn1.TLV:
    found = _in(content)
    if len(found) != 1:
        raise ValueError(f"the timestamp has {len(found)} elements where one belongs")
    return found[0]


def _in(content: Any) -> list[asn1.TLV]:
    """The elements that follow one another in the content of another."""
    return asn1.decode_der(_Elements, _encoded(_SEQUENCE, _encoded(_SEQUENCE, content))).all


def _encoded(tag: int, content: Any) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + bytes(content)
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + bytes(content)
