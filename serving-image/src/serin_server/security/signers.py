"""Whom a signature comes from: a public key that is trusted, or a certificate of an authority that is.

Certificates are judged as of the beginning of their validity, as model signing's own verifier does: nothing proves when a model
was signed, and one that was signed must not become worthless in the middle of the night. Whoever is no longer to be believed is
taken out of the keys, authorities or names.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.security.bundle import Bundle
from serin_server.uris import shown

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_CURVES: Final = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
_KEY: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_MOST_CERTIFICATES: Final = 8


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign: one of the keys, or of the names that one of the authorities vouches for."""

    keys: Path | None = None
    authorities: Path | None = None
    names: tuple[str, ...] = ()
    """Whom certificates must be for; empty: anybody of these authorities."""

    @property
    def asks(self) -> bool:
        """Whether a signature is wanted at all."""
        return self.keys is not None or self.authorities is not None


def signer_of(bundle: Bundle, trust: Trust) -> str:
    """Who has signed, as the ledger names it. Raises `LoadFailure`."""
    if bundle.is_keyless or not (bundle.hint or bundle.certificates):
        how = "without a key of its own (keyless)" if bundle.is_keyless else "by nobody knows whom"
        raise _not_allowed(f"is signed {how}: sign with a key or a certificate")
    if trust.keys is not None and not bundle.certificates:
        return _by_key(bundle, trust.keys)
    if trust.authorities is not None and bundle.certificates:
        return _by_certificate(bundle, trust.authorities, trust.names)
    wanted = "publicKeys" if trust.keys is not None else "certificateAuthorities"
    given = "certificate" if bundle.certificates else "key"
    raise _not_allowed(f"is signed with a {given}, and spec.model.verify names {wanted}")


def _by_key(bundle: Bundle, file: Path) -> str:
    keys = _keys_in(file)
    key = keys.get(bundle.hint)
    if key is None:
        raise _not_allowed(
            f"is signed with the key {shown(bundle.hint[:64])}, which is none of the {len(keys)} in spec.model.verify.publicKeys"
        )
    _prove(key, bundle)
    return f"key {bundle.hint}"


def _keys_in(file: Path) -> "dict[str, ec.EllipticCurvePublicKey]":
    """The keys of a PEM file, by the sha256 of each: as bundles name them."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 (only where something is verified)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (the same)

    keys = {}
    for pem in _KEY.findall(_read(file)):
        try:
            key = _supported(serialization.load_pem_public_key(pem))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _unusable("publicKeys", one_line(error, 120)) from None
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys[hashlib.sha256(key.public_bytes(*form)).hexdigest()] = key
    if not keys:
        raise _unusable("publicKeys", "it holds no PUBLIC KEY in PEM")
    return keys


def _by_certificate(bundle: Bundle, file: Path, names: Sequence[str]) -> str:
    from cryptography import x509  # noqa: PLC0415 (only where something is verified)

    try:
        roots = x509.load_pem_x509_certificates(_read(file))
    except ValueError:
        raise _unusable("certificateAuthorities", "it holds no CERTIFICATE in PEM") from None
    if len(bundle.certificates) > _MOST_CERTIFICATES:
        raise _invalid(f"its bundle holds more than {_MOST_CERTIFICATES} certificates")
    try:
        leaf, *others = [x509.load_der_x509_certificate(der) for der in bundle.certificates]
        known = _names_in(leaf)
        _check_chain(leaf, others, roots)
    except x509.verification.VerificationError as error:
        raise _not_allowed(
            f"is signed by {_listed(known)}, whom no authority of spec.model.verify vouches for ({one_line(error, 160)})"
        ) from None
    except (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _invalid(f"a certificate in its bundle cannot be read ({one_line(error, 120)})") from None
    if not _may_sign(leaf):
        raise _not_allowed(
            f"is signed by {_listed(known)}, whose certificate is not made for signing (keyUsage digitalSignature)"
        )
    if names and not set(names) & set(known):
        raise _not_allowed(f"is signed by {_listed(known)}, who is none of spec.model.verify.signers")
    try:
        key = _supported(leaf.public_key())
    except ValueError as error:
        raise _not_allowed(f"is signed by {_listed(known)}: {error}") from None
    _prove(key, bundle)
    issuer = leaf.issuer.rfc4514_string()
    return one_line(f"{_listed(known)} ({issuer})", 200)


def _check_chain(
    leaf: "x509.Certificate", others: "Sequence[x509.Certificate]", roots: "Sequence[x509.Certificate]"
) -> None:
    """Raises `VerificationError` where no path leads from the signer's certificate to an authority that is trusted."""
    from cryptography import x509  # noqa: PLC0415 (only where something is verified)
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store  # noqa: PLC0415 (the same)

    authorities = ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority
    )
    authorities = authorities.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_vouch)
    policy = (
        PolicyBuilder().store(Store(list(roots))).time(leaf.not_valid_before_utc).max_chain_depth(_MOST_CERTIFICATES)
    )
    policy = policy.extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
    policy.build_client_verifier().verify(leaf, list(others))


def _is_authority(policy: object, certificate: object, constraints: "x509.BasicConstraints") -> None:
    del policy, certificate
    if not constraints.ca:
        raise ValueError("it is a certificate of no authority")


def _may_vouch(policy: object, certificate: object, usage: "x509.KeyUsage | None") -> None:
    """RFC 5280, 4.2.1.3: an authority that says what its key is for says that it is for certificates."""
    del policy, certificate
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("it is a certificate of one who may not sign others")


def _may_sign(leaf: "x509.Certificate") -> bool:
    from cryptography import x509  # noqa: PLC0415 (only where something is verified)

    try:
        if leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return True
    except x509.ExtensionNotFound:
        pass
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return x509.oid.ExtendedKeyUsageOID.CODE_SIGNING in usages


def _names_in(leaf: "x509.Certificate") -> list[str]:
    """Whom a certificate is for: its alternative names; its common name where it has none."""
    from cryptography import x509  # noqa: PLC0415 (only where something is verified)

    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [str(each.value) for each in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    kinds = (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName)
    return [str(name) for kind in kinds for name in names.get_values_for_type(kind)]


def _supported(key: Any) -> "ec.EllipticCurvePublicKey":
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (only where something is verified)

    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise ValueError("model signing knows keys on the curves P-256, P-384 and P-521 only")
    return key


def _prove(key: "ec.EllipticCurvePublicKey", bundle: Bundle) -> None:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (only where something is verified)
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 (the same)
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (the same)

    try:
        key.verify(bundle.signature, bundle.signed, ec.ECDSA(getattr(hashes, _CURVES[key.curve.name])()))
    except InvalidSignature:
        raise _invalid("its signature is not of what it is over: the bundle was changed after it was signed") from None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4])[:120] or "somebody without a name"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise LoadFailure(
            Reason.INVALID_SETTING, f"{file} cannot be read ({error.strerror}): name a file of PEM"
        ) from None


def _not_allowed(why: str) -> LoadFailure:
    return LoadFailure(Reason.SIGNER_NOT_ALLOWED, f"the model {why}")


def _invalid(why: str) -> LoadFailure:
    return LoadFailure(Reason.SIGNATURE_INVALID, f"the model's signature proves nothing: {why}")


def _unusable(field: str, why: str) -> LoadFailure:
    return LoadFailure(Reason.SIGNER_NOT_ALLOWED, f"spec.model.verify.{field}: {why}")
