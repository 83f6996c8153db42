"""Reads the bundles in which OpenSSF model signing keeps a signature, and what it says of which files.

A sigstore bundle (JSON) holds a DSSE envelope, whose payload is an in-toto statement: the digests of all files of a model. What
is signed is not the payload alone but its pre-authentication encoding (DSSE, protocol 1.0): `DSSEv1 len type len payload`.
Nothing here is believed before a signer was found for it (signers.py). Every function raises `ValueError` with a sentence.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin_server.security.log_entry import LogEntry, entry_of
from serin_server.security.reading import bytes_in, json_in, object_in, objects_in, short

MOST_BYTES: Final = 16 << 20
"""Of a bundle: about fifty thousand files."""
MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://model_signing/signature/v1.0"
_MOST_ENTRIES: Final = 8
_EARLIEST: Final = "https://model_signing/Digests/v0.1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A signature and what it is over, of which nothing is proven yet."""

    payload: bytes
    signature: bytes
    hint: str = ""
    """The sha256 of the public key's PEM, where a key has signed."""
    certificates: tuple[bytes, ...] = ()
    """DER: the signer's certificate first, where one has signed."""
    is_keyless: bool = False
    """Whether the certificate was made for this signature alone, so that a log has to say when that was."""
    entries: tuple[LogEntry, ...] = ()
    """What transparency logs say of it."""
    timestamps: tuple[bytes, ...] = ()
    """What authorities for time say of it (RFC 3161)."""
    is_enveloped: bool = True
    """Whether the signature is over the envelope's encoding (DSSE), not over the payload as it is."""

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        if not self.is_enveloped:
            return self.payload
        return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(self.payload)} ".encode() + self.payload


def bundle_of(text: bytes) -> Bundle:
    """The bundle that a file holds."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")
    told = object_in(json_in(text, "the bundle"), "the bundle")
    if told.get("mediaType") != MEDIA_TYPE:
        raise ValueError(f"its mediaType is {short(told.get('mediaType'))}, and {MEDIA_TYPE} is read")
    envelope = object_in(told.get("dsseEnvelope"), "dsseEnvelope")
    if envelope.get("payloadType") != PAYLOAD_TYPE:
        raise ValueError(f"its payloadType is {short(envelope.get('payloadType'))}, and {PAYLOAD_TYPE} is read")
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ValueError("it does not hold exactly one signature")
    payload = bytes_in(envelope.get("payload"), "payload")
    signature = bytes_in(object_in(signatures[0], "signature").get("sig"), "sig")
    material = object_in(told.get("verificationMaterial"), "verificationMaterial")
    hint = str(object_in(material.get("publicKey") or {}, "publicKey").get("hint") or "")
    is_keyless = "certificate" in material
    entries = objects_in(material.get("tlogEntries"), "tlogEntries", _MOST_ENTRIES) if is_keyless else []
    times = object_in(material.get("timestampVerificationData") or {}, "timestampVerificationData")
    stamps = objects_in(times.get("rfc3161Timestamps"), "rfc3161Timestamps", _MOST_ENTRIES) if is_keyless else []
    return Bundle(
        payload,
        signature,
        hint,
        _certificates(material),
        is_keyless=is_keyless,
        entries=tuple(map(entry_of, entries)),
        timestamps=tuple(bytes_in(each.get("signedTimestamp"), "signedTimestamp") for each in stamps),
    )


def _certificates(material: Mapping[str, Any]) -> tuple[bytes, ...]:
    if "certificate" in material:
        return (bytes_in(object_in(material["certificate"], "certificate").get("rawBytes"), "rawBytes"),)
    chain = object_in(material.get("x509CertificateChain") or {}, "x509CertificateChain").get("certificates")
    listed = chain if isinstance(chain, list) else []
    return tuple(bytes_in(object_in(each, "certificate").get("rawBytes"), "rawBytes") for each in listed)


def files_of(payload: bytes) -> dict[str, str]:
    """The sha256 of each file that a statement names, by its path below the model's folder; `.` is a model of one file."""
    statement = object_in(json_in(payload, "the statement"), "the statement")
    kind = statement.get("predicateType")
    if kind == _EARLIEST:
        raise ValueError(
            "it was made by model-signing 0.2, whose bundles do not say what they cover: sign again with 1.0 or newer"
        )
    if statement.get("_type") != STATEMENT or kind != PREDICATE:
        raise ValueError(f"it speaks of {short(kind)}, and of models {PREDICATE} does")
    predicate = object_in(statement.get("predicate"), "predicate")
    method = object_in(predicate.get("serialization"), "serialization").get("method")
    if method != "files":
        raise ValueError(f"it lists {short(method)}, and files are read: sign without --shard-size")
    resources = predicate.get("resources")
    if not isinstance(resources, list) or not resources:
        raise ValueError("it names no file")
    files: dict[str, str] = {}
    for each in resources:
        name, digest = _resource(object_in(each, "resource"))
        if name in files:
            raise ValueError(f"it names {short(name)} twice")
        files[name] = digest
    _check_root(statement, files)
    return files


def _resource(told: Mapping[str, Any]) -> tuple[str, str]:
    name, digest, algorithm = told.get("name"), told.get("digest"), told.get("algorithm")
    if algorithm != "sha256":
        raise ValueError(f"{short(name)} has a digest by {short(algorithm)}, and sha256 is read: sign with the default")
    if not isinstance(name, str) or not isinstance(digest, str) or len(digest) != 64:
        raise ValueError(f"{short(name)} has no digest of 64 digits")
    bytes.fromhex(digest)
    return name, digest.lower()


def _check_root(statement: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """The one digest that names the whole: sha256 over the raw digests, in the order in which they are listed."""
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise ValueError("it does not speak of exactly one model")
    digests = object_in(object_in(subjects[0], "subject").get("digest"), "digest")
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in files.values())).hexdigest()
    if digests.get("sha256") != root:
        raise ValueError("the digest of its subject is not that of its files")
