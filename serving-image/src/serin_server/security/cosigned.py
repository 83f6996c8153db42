"""Whether somebody who may has signed an artifact of a registry, as cosign signs: its manifest's digest, which names every byte.

Two forms: a payload ("simple signing") with the signature in annotations, and a Sigstore bundle whose statement names the digest.
A signature by a key counts without a log; one without a key of its own needs what keyless.py asks for.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.model.sources.asked import Attached, Fetched
from serin_server.model.sources.oci_signatures import SIGNATURE
from serin_server.security.bundle import Bundle, bundle_of
from serin_server.security.certificates import UNREADABLE, is_by, prove
from serin_server.security.keyless import signer_by_identity
from serin_server.security.log_entry import annotated_entry
from serin_server.security.reading import bytes_in, json_in, object_in, objects_in, short
from serin_server.security.refused import invalid, not_allowed
from serin_server.security.signers import Trust, keys_in

_SIGNATURE: Final = "dev.cosignproject.cosign/signature"
_CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
_ENTRY: Final = "dev.sigstore.cosign/bundle"
_STAMP: Final = "dev.sigstore.cosign/rfc3161timestamp"
_PAYLOAD: Final = "cosign container image signature"
_STATEMENT: Final = re.compile(r"https://in-toto\.io/Statement/v(0\.1|1)")
_MOST_SUBJECTS: Final = 64


def signer_of_artifact(fetched: Fetched, trust: Trust) -> str:
    """Who has signed, as the ledger names it: the first whose signature counts. Raises `LoadFailure`."""
    if not fetched.artifact:
        came = "it came from the store" if fetched.instead else "its source is no registry (oci://)"
        raise _missing(f"{came}, and a signature by cosign lies beside an artifact in its registry alone")
    failures = []
    for number, attached in enumerate(fetched.attached, 1):
        try:
            signer = _signer(attached, fetched.artifact, trust)
        except LoadFailure as failure:
            failures.append(failure)
        except UNREADABLE as error:
            failures.append(invalid(f"signature {number} of the artifact cannot be read ({one_line(error, 160)})"))
        else:
            if signer:
                return signer
    if not failures:
        raise _missing(
            f"nobody has signed the artifact sha256:{fetched.artifact[:12]}…, and spec.model.verify wants it"
        )
    first = next((each for each in failures if each.reason == Reason.SIGNATURE_INVALID), failures[0])
    more = f" (and {len(failures) - 1} more signatures that do not count)" if len(failures) > 1 else ""
    raise LoadFailure(first.reason, f"{first.message}{more}")


def _signer(attached: Attached, digest: str, trust: Trust) -> str:
    """Nobody where it is no signature but says something else of the artifact."""
    if attached.unfit:
        raise invalid(attached.unfit)
    if attached.annotations is None:
        bundle = bundle_of(attached.content)
        statement = object_in(json_in(bundle.payload, "the statement"), "the statement")
        if statement.get("predicateType") != SIGNATURE:
            return ""
        named = list(_subjects(statement))
    else:
        bundle = _annotated(attached.content, attached.annotations)
        named = [_named(attached.content)]
    signer = _by_key(bundle, trust) if trust.root is None else _by_identity(bundle, trust, trust.root)
    if digest not in named:
        raise invalid(
            f"it is of the artifact {short(', '.join(named)[:70])}, and sha256:{digest[:12]}… is to be served"
        )
    return signer


def _subjects(statement: Mapping[str, Any]) -> Iterator[str]:
    if not _STATEMENT.fullmatch(str(statement.get("_type"))):
        raise ValueError(f"it is of the type {short(statement.get('_type'))}, and in-toto's are read")
    for subject in objects_in(statement.get("subject"), "subject", _MOST_SUBJECTS):
        yield str(object_in(subject.get("digest"), "digest").get("sha256"))


def _named(payload: bytes) -> str:
    """The digest that a payload of simple signing names."""
    critical = object_in(object_in(json_in(payload, "the payload"), "the payload").get("critical"), "critical")
    if critical.get("type") != _PAYLOAD:
        raise ValueError(f"its type is {short(critical.get('type'))}, and {short(_PAYLOAD)} is read")
    image = object_in(critical.get("image"), "image")
    return str(image.get("docker-manifest-digest")).removeprefix("sha256:")


def _annotated(payload: bytes, annotations: Mapping[str, str]) -> Bundle:
    signature = bytes_in(annotations.get(_SIGNATURE, ""), f"the annotation {_SIGNATURE}")
    if not annotations.get(_CERTIFICATE):
        return Bundle(payload, signature, is_enveloped=False)
    certificate = x509.load_pem_x509_certificate(annotations[_CERTIFICATE].encode())
    entry, stamp = annotations.get(_ENTRY), annotations.get(_STAMP)
    return Bundle(
        payload,
        signature,
        certificates=(certificate.public_bytes(Encoding.DER),),
        is_keyless=True,
        entries=(annotated_entry(entry),) if entry else (),
        timestamps=(_stamp(stamp),) if stamp else (),
        is_enveloped=False,
    )


def _stamp(text: str) -> bytes:
    told = object_in(json_in(text, f"the annotation {_STAMP}"), f"the annotation {_STAMP}")
    return bytes_in(told.get("SignedRFC3161Timestamp"), "SignedRFC3161Timestamp")


def _by_identity(bundle: Bundle, trust: Trust, root: Path) -> str:
    if not bundle.is_keyless:
        raise not_allowed(
            "is signed with a key, and spec.model.verify names trustedRoot: sign without --key, or name publicKeys"
        )
    return signer_by_identity(bundle, root, trust.names, trust.issuer)


def _by_key(bundle: Bundle, trust: Trust) -> str:
    if trust.keys is None:
        raise not_allowed("is signed by cosign, for which spec.model.verify wants publicKeys or trustedRoot")
    keys = keys_in(trust.keys)
    for digest, key in keys.items():
        if is_by(
            key, bundle.signature, bundle.signed, hashes.SHA256()
        ):  # cosign's for every curve, until its third version
            return f"key {digest}"
        try:
            prove(key, bundle)
        except LoadFailure:
            continue
        return f"key {digest}"
    raise not_allowed(
        f"is signed with none of the {len(keys)} keys in spec.model.verify.publicKeys, or its signature was changed: sign it"
        " again with one of them (cosign sign --key)"
    )


def _missing(why: str) -> LoadFailure:
    return LoadFailure(
        Reason.SIGNATURE_MISSING, f"{why}: sign it where it lies (cosign sign [--key …] host/repository@sha256:…)"
    )
