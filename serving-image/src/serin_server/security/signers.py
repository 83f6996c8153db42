"""Whom a signature comes from: a public key that is trusted, a certificate of an authority that is, or an identity (keyless.py).

Certificates are judged as of the beginning of their validity, as model signing's own verifier does: nothing proves when a model
was signed, and one that was signed must not become worthless in the middle of the night. Whoever is no longer to be believed is
taken out of the keys, authorities or names.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.security.bundle import Bundle
from serin_server.security.refused import invalid, not_allowed, unusable
from serin_server.uris import shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

_KEY: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign: one of the keys, or of the names that one of the authorities vouches for."""

    keys: Path | None = None
    authorities: Path | None = None
    names: tuple[str, ...] = ()
    """Whom certificates must be for; empty: anybody of these authorities. A `*` at the end of a URI stands for whatever follows."""
    root: Path | None = None
    """A Sigstore root of trust, for signatures without a key of one's own: by one of the names."""
    issuer: str = ""
    """Who has to have known them: an OpenID Connect issuer."""
    of_artifact: bool = False
    """Whether the signature is cosign's, of an artifact in a registry, rather than a bundle beside the model."""

    @property
    def asks(self) -> bool:
        """Whether a signature is wanted at all."""
        return self.keys is not None or self.authorities is not None or self.root is not None

    @property
    def wanted(self) -> str:
        """The field of `spec.model.verify` that says whose signature counts."""
        if self.root is not None:
            return "trustedRoot"
        return "publicKeys" if self.keys is not None else "certificateAuthorities"


def signer_of(bundle: Bundle, trust: Trust) -> str:
    """Who has signed, as the ledger names it. Raises `LoadFailure`."""
    if bundle.is_keyless:
        if trust.root is None:
            raise not_allowed(
                f"is signed without a key of its own (keyless), and spec.model.verify names {trust.wanted}: sign with a key or a"
                " certificate, or name trustedRoot, issuer and signers"
            )
        from serin_server.security.keyless import signer_by_identity  # noqa: PLC0415 (only where something is verified)

        return signer_by_identity(bundle, trust.root, trust.names, trust.issuer)
    if not (bundle.hint or bundle.certificates):
        raise not_allowed("is signed by nobody knows whom: sign with a key or a certificate")
    if trust.keys is not None and not bundle.certificates:
        return _by_key(bundle, trust.keys)
    if trust.authorities is not None and bundle.certificates:
        return _by_certificate(bundle, trust.authorities, trust.names)
    given = "certificate" if bundle.certificates else "key"
    raise not_allowed(f"is signed with a {given}, and spec.model.verify names {trust.wanted}")


def _by_key(bundle: Bundle, file: Path) -> str:
    from serin_server.security.certificates import prove  # noqa: PLC0415 (only where something is verified)

    keys = keys_in(file)
    key = keys.get(bundle.hint)
    if key is None:
        raise not_allowed(
            f"is signed with the key {shown(bundle.hint[:64])}, which is none of the {len(keys)} in spec.model.verify.publicKeys"
        )
    prove(key, bundle)
    return f"key {bundle.hint}"


def keys_in(file: Path) -> "dict[str, ec.EllipticCurvePublicKey]":
    """The keys of a PEM file, by the sha256 of each: as bundles name them."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 (only where something is verified)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (the same)

    from serin_server.security.certificates import supported  # noqa: PLC0415 (the same)

    keys = {}
    for pem in _KEY.findall(read(file)):
        try:
            key = supported(serialization.load_pem_public_key(pem))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise unusable("publicKeys", one_line(error, 120)) from None
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        keys[hashlib.sha256(key.public_bytes(*form)).hexdigest()] = key
    if not keys:
        raise unusable("publicKeys", "it holds no PUBLIC KEY in PEM")
    return keys


def _by_certificate(bundle: Bundle, file: Path, names: Sequence[str]) -> str:
    from cryptography import x509  # noqa: PLC0415 (only where something is verified)

    from serin_server.security import certificates  # noqa: PLC0415 (the same)

    try:
        roots = x509.load_pem_x509_certificates(read(file))
    except ValueError:
        raise unusable("certificateAuthorities", "it holds no CERTIFICATE in PEM") from None
    if len(bundle.certificates) > certificates.MOST_CERTIFICATES:
        raise invalid(f"its bundle holds more than {certificates.MOST_CERTIFICATES} certificates")
    try:
        leaf, *others = [x509.load_der_x509_certificate(der) for der in bundle.certificates]
        known = certificates.names_in(leaf)
        certificates.check_chain(leaf, others, roots, leaf.not_valid_before_utc)
    except x509.verification.VerificationError as error:
        raise not_allowed(
            f"is signed by {certificates.listed(known)}, whom no authority of spec.model.verify vouches for ({one_line(error, 160)})"
        ) from None
    except certificates.UNREADABLE as error:
        raise invalid(f"a certificate in its bundle cannot be read ({one_line(error, 120)})") from None
    if not (certificates.is_for_signatures(leaf) or certificates.is_for_code(leaf)):
        raise not_allowed(
            f"is signed by {certificates.listed(known)}, whose certificate is not made for signing (keyUsage digitalSignature)"
        )
    if names and not certificates.meant(names, known):
        raise not_allowed(f"is signed by {certificates.listed(known)}, who is none of spec.model.verify.signers")
    try:
        key = certificates.supported(leaf.public_key())
    except certificates.UNREADABLE as error:
        raise not_allowed(f"is signed by {certificates.listed(known)}: {error}") from None
    certificates.prove(key, bundle)
    issuer = leaf.issuer.rfc4514_string()
    return one_line(f"{certificates.listed(known)} ({issuer})", 200)


def read(file: Path) -> bytes:
    """What a file holds that `spec.model.verify` names. Raises `LoadFailure`."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise LoadFailure(
            Reason.INVALID_SETTING, f"{file} cannot be read ({error.strerror}): name a file of PEM"
        ) from None
