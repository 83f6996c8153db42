"""The Sigstore root of trust that somebody has pinned (`trusted_root.json`), and nothing that anybody fetches.

It names authorities of certificates (Fulcio) and of time, logs of signatures (Rekor) and of certificates, each with the time for which it
is good: what counts is when something was signed. A client's configuration (`ClientTrustConfig`) that holds one is read too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from serin_server.failures import LoadFailure, Reason, one_line
from serin_server.security.certificates import UNREADABLE, is_by
from serin_server.security.reading import bytes_in, json_in, object_in, objects_in, short
from serin_server.security.refused import unusable

MEDIA_TYPES: Final = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)
CONFIGURATION: Final = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
_FIELD: Final = "trustedRoot"
_MOST: Final = 64
_HASHES: Final[Mapping[int, type[hashes.HashAlgorithm]]] = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}


@dataclass(frozen=True, slots=True)
class Period:
    """A time for which something is good; without an end it goes on."""

    start: datetime
    end: datetime | None

    def holds(self, time: datetime) -> bool:
        """Whether a time lies in it."""
        return self.start <= time and (self.end is None or time <= self.end)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who vouches for signers: its certificate last, those between it and signers before."""

    certificates: Sequence[x509.Certificate]
    period: Period


@dataclass(frozen=True, slots=True)
class Log:
    """Who writes down what was signed, or which certificates were given out."""

    key: Any
    period: Period
    name: str

    def has_signed(self, signature: bytes, message: bytes) -> bool:
        """Whether the log has signed a message, by the algorithm that its kind of key goes with."""
        hashed: type[hashes.HashAlgorithm] = hashes.SHA256
        if isinstance(self.key, ec.EllipticCurvePublicKey):
            hashed = _HASHES.get(self.key.curve.key_size, hashed)
        return is_by(self.key, signature, message, hashed())


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """Everybody who is believed, logs by their ids."""

    authorities: Sequence[Authority]
    logs: Mapping[bytes, Log]
    certificate_logs: Mapping[bytes, Log]
    clocks: Sequence[Authority]
    """Authorities for time: the certificate that stamps first, its authority last."""


def trusted_root(file: Path) -> TrustedRoot:
    """The root of trust in a file. Raises `LoadFailure`."""
    try:
        return _root(file.read_bytes())
    except OSError as error:
        message = f"{file} cannot be read ({error.strerror}): name a trusted_root.json"
        raise LoadFailure(Reason.INVALID_SETTING, message) from None
    except UNREADABLE as error:
        way_out = "put a trusted_root.json of Sigstore there (cosign trusted-root create)"
        raise unusable(_FIELD, f"{one_line(error, 160)}: {way_out}") from None


def _root(text: bytes) -> TrustedRoot:
    told = object_in(json_in(text, "it"), "it")
    if told.get("mediaType") == CONFIGURATION:
        told = object_in(told.get("trustedRoot"), "trustedRoot")
    if told.get("mediaType") not in MEDIA_TYPES:
        raise ValueError(f"its mediaType is {short(told.get('mediaType'))}, and {MEDIA_TYPES[0]} is read")
    authorities, clocks = (
        tuple(map(_authority, objects_in(told.get(name), name, _MOST)))
        for name in ("certificateAuthorities", "timestampAuthorities")
    )
    logs = dict(_logs(told, "tlogs"))
    if not authorities or not logs:
        raise ValueError("it names no certificate authority, or no transparency log with a key that can be used")
    certificate_logs = dict(_logs(told, "ctlogs"))
    if told.get("ctlogs") and not certificate_logs:
        raise ValueError("none of its ctlogs has a key that can be used")
    return TrustedRoot(authorities, logs, certificate_logs, clocks)


def _authority(told: Mapping[str, Any]) -> Authority:
    chain = object_in(told.get("certChain"), "certChain")
    listed = objects_in(chain.get("certificates"), "certificates", _MOST)
    certificates = [x509.load_der_x509_certificate(bytes_in(each.get("rawBytes"), "rawBytes")) for each in listed]
    if not certificates:
        raise ValueError("one of its authorities has no certificate")
    return Authority(certificates, _period(told.get("validFor")))


def _logs(told: Mapping[str, Any], kind: str) -> Iterator[tuple[bytes, Log]]:
    """The logs whose keys are of a kind that is known: a root names those of years ago and of tomorrow."""
    for log in objects_in(told.get(kind), kind, _MOST):
        public = object_in(log.get("publicKey"), f"publicKey of {kind}")
        log_id = bytes_in(object_in(log.get("logId"), f"logId of {kind}").get("keyId"), "keyId")
        try:
            key = load_der_public_key(bytes_in(public.get("rawBytes"), "rawBytes"))
        except (ValueError, UnsupportedAlgorithm):
            continue
        yield log_id, Log(key, _period(public.get("validFor")), str(log.get("baseUrl") or "")[:120])


def _period(told: object) -> Period:
    period = object_in(told, "validFor")
    end = period.get("end")
    return Period(_time(period.get("start")), _time(end) if end else None)


def _time(told: object) -> datetime:
    try:
        time = datetime.fromisoformat(str(told))
    except ValueError:
        raise ValueError(f"{short(told)} is no time") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
