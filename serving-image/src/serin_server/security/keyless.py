"""Who has signed without a key of one's own: somebody whom an OpenID Connect issuer knew, with a certificate of some minutes.

The certificate has to be of an authority of the pinned root, good when the log took the signature in, seen by a log of
certificates, and for the identity and issuer that are wanted; the log has to have signed that very entry, about this signature.
As Sigstore's clients verify: https://github.com/sigstore/architecture-docs/blob/main/client-spec.md.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import VerificationError

from serin_server.failures import one_line
from serin_server.security import certificates
from serin_server.security.bundle import Bundle
from serin_server.security.fulcio import identities_in, is_logged, issuer_in
from serin_server.security.log_entry import LogEntry
from serin_server.security.refused import invalid, not_allowed
from serin_server.security.timestamps import stamped_at
from serin_server.security.transparency import check_about, check_proof, integrated_at
from serin_server.security.trusted_root import Log, TrustedRoot, trusted_root


def signer_by_identity(bundle: Bundle, root_file: Path, wanted: Sequence[str], issuer: str) -> str:
    """Who has signed, as the ledger names it. Raises `LoadFailure`."""
    root = trusted_root(root_file)
    try:
        leaf = x509.load_der_x509_certificate(bundle.certificates[0])
        names, vouched_by = identities_in(leaf), issuer_in(leaf)
    except certificates.UNREADABLE as error:
        raise invalid(f"the certificate in its bundle cannot be read ({one_line(error, 120)})") from None
    who = certificates.listed(names)
    entry, log = _logged(bundle, root, who)
    for time in _times(bundle, root, entry, log):
        if not log.period.holds(time):
            raise invalid(f"it was signed on {time:%Y-%m-%d}, when {log.name or 'the log'} was not to be believed")
        chain = _chain(leaf, root, time, who)
    if not is_logged(leaf, chain[1], root):
        raise not_allowed(f"is signed by {who}, whose certificate none of the trusted root's ctlogs has seen")
    if not (certificates.is_for_signatures(leaf) and certificates.is_for_code(leaf)):
        raise not_allowed(f"is signed by {who}, whose certificate is not made for signing code")
    signer = certificates.meant(wanted, names)
    if not signer:
        raise not_allowed(f"is signed by {who}, who is none of spec.model.verify.signers")
    if vouched_by != issuer:
        raise not_allowed(
            f"is signed by {who}, whom {one_line(vouched_by, 100) or 'no issuer'} knew, and spec.model.verify.issuer is {issuer}"
        )
    try:
        key = certificates.supported(leaf.public_key())
    except certificates.UNREADABLE as error:
        raise not_allowed(f"is signed by {who}: {error}") from None
    certificates.prove(key, bundle)
    check_about(entry, bundle, leaf)
    check_proof(entry, log, is_needed=bundle.is_enveloped or not entry.promise)
    return one_line(f"{signer} ({vouched_by})", 250)


def _logged(bundle: Bundle, root: TrustedRoot, who: str) -> tuple[LogEntry, Log]:
    if len(bundle.entries) != 1:
        raise invalid(f"it has {len(bundle.entries)} entries of a transparency log, and one tells when it was signed")
    (entry,) = bundle.entries
    log = root.logs.get(entry.log_id)
    if log is None:
        raise not_allowed(
            f"is signed by {who}, as a log says ({entry.log_id.hex()[:16]}…) that the trusted root does not name"
        )
    return entry, log


def _times(bundle: Bundle, root: TrustedRoot, entry: LogEntry, log: Log) -> Sequence[datetime]:
    """When it was signed, by the log and by every timestamp that can be believed: one at the least."""
    promised = integrated_at(entry, log)
    times, said = [promised] if promised else [], "its log tells no time (Rekor 2), and no timestamp came with it"
    for stamp in bundle.timestamps:
        try:
            times.append(stamped_at(stamp, bundle.signature, root.clocks))
        except certificates.UNREADABLE as error:
            said = one_line(error, 160)
    if not times:
        raise invalid(f"nobody whom the trusted root names tells when it was signed: {said}")
    return times


def _chain(leaf: x509.Certificate, root: TrustedRoot, time: datetime, who: str) -> Sequence[x509.Certificate]:
    """The path to an authority of the root, as of the time of signing; nobody vouches but those that are pinned."""
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not start <= time <= end:
        raise invalid(
            f"it was signed at {time:%Y-%m-%d %H:%M:%S}, and its certificate was good from {start:%Y-%m-%d %H:%M:%S} to"
            f" {end:%H:%M:%S}: sign again"
        )
    said = "none was to be believed then"
    for authority in root.authorities:
        if not authority.period.holds(time):
            continue
        *between, top = authority.certificates
        if leaf == top:
            continue
        try:
            return certificates.check_chain(leaf, between, [top], time)
        except VerificationError as error:
            said = one_line(error, 120)
        except certificates.UNREADABLE as error:
            raise invalid(f"the certificate in its bundle cannot be read ({one_line(error, 120)})") from None
    raise not_allowed(f"is signed by {who}, whom no authority of the trusted root vouches for ({said})")
