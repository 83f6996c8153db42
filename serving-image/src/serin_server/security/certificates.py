"""Certificates of signers: whom they are for, who vouches for them, and what they have signed. Imported where something is verified."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store

from serin_server.failures import one_line
from serin_server.security.bundle import Bundle
from serin_server.security.refused import invalid

MOST_CERTIFICATES: Final = 8
UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What reading a certificate raises that is none."""
_BELOW: Final = re.compile(r"[a-z]+://[^/*]+/[^/*]+/[^*]*\*")
"""The first part of a path is an owner's name: `https://github.com/acme*` would mean those of acme-evil too."""
_CURVES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}


def check_chain(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], time: datetime
) -> Sequence[x509.Certificate]:
    """The path from the signer's certificate to an authority that is trusted, as of `time`; `VerificationError` where there is none."""
    authorities = ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority
    )
    authorities = authorities.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_vouch)
    policy = PolicyBuilder().store(Store(list(roots))).time(time).max_chain_depth(MOST_CERTIFICATES)
    policy = policy.extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
    return policy.build_client_verifier().verify(leaf, list(others)).chain


def _is_authority(policy: object, certificate: object, constraints: x509.BasicConstraints) -> None:
    del policy, certificate
    if not constraints.ca:
        raise ValueError("it is a certificate of no authority")


def _may_vouch(policy: object, certificate: object, usage: x509.KeyUsage | None) -> None:
    """RFC 5280, 4.2.1.3: an authority that says what its key is for says that it is for certificates."""
    del policy, certificate
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("it is a certificate of one who may not sign others")


def is_for_signatures(leaf: x509.Certificate) -> bool:
    """Whether the usage of its key says so."""
    try:
        return leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return False


def is_for_code(leaf: x509.Certificate) -> bool:
    """Whether it is made for signing code."""
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return x509.oid.ExtendedKeyUsageOID.CODE_SIGNING in usages


def names_in(leaf: x509.Certificate) -> list[str]:
    """Whom a certificate is for: its alternative names; its common name where it has none."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(each.value) for each in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
    return [str(name) for kind in kinds for name in names.get_values_for_type(kind)]


def meant(wanted: Sequence[str], names: Sequence[str]) -> str:
    """The first name that is one of those that are wanted, or below one that is a URI with `*` at its end; empty where none is."""
    return next((name for name in names for each in wanted if _is_meant(each, name)), "")


def _is_meant(wanted: str, name: str) -> bool:
    return name.startswith(wanted[:-1]) if _BELOW.fullmatch(wanted) else name == wanted


def supported(key: Any) -> ec.EllipticCurvePublicKey:
    """A key that models are signed with. Raises `ValueError`."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ValueError("model signing knows keys on the curves P-256, P-384 and P-521 only")
    return key


def prove(key: ec.EllipticCurvePublicKey, bundle: Bundle) -> None:
    """Raises `LoadFailure` where the key has not signed that."""
    if not is_by(key, bundle.signature, bundle.signed, _CURVES[key.curve.name]()):
        raise invalid("its signature is not of what it is over: the bundle was changed after it was signed")


def is_by(key: Any, signature: bytes, message: bytes, hashed: hashes.HashAlgorithm) -> bool:
    """Whether a key has signed a message; none has of a kind that is not known."""
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(signature, message, ec.ECDSA(hashed))
            case rsa.RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), hashed)
            case ed25519.Ed25519PublicKey():
                key.verify(signature, message)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def listed(names: Sequence[str]) -> str:
    """Names as messages show them: in full, since people compare them."""
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in ", ".join(names[:4]))
    return one_line(text, 256) or "somebody without a name"
